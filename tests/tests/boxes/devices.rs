//! PCI devices, each with one partition.

mod firmware;
mod load;
mod owners;
mod ports;
mod refused;
mod topologies;
