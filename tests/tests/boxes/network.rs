//! Instances that talk over the virtual Ethernet.

pub(crate) mod frames;
mod loss;
mod placing;
mod programs;
mod protocols;
mod queues;
mod wakeups;
