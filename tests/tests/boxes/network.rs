//! Instances that talk over the virtual Ethernet.

pub(crate) mod frames;
mod loss;
mod many;
mod placing;
mod programs;
mod protocols;
mod queues;
mod wakeups;
