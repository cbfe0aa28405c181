//! Instances that talk over the virtual Ethernet.

mod loss;
mod protocols;
