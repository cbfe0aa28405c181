//! What partitions make of their devices, and beside each the same kernel alone on a machine with the same devices, as many
//! cores and as much memory.
//!
//! | module | |
//! |---|---|
//! | [`testbed`] | the devices of a box, in their partitions and alone |
//! | [`device`] | a device and its driver in an instance |
//! | [`alone`] | the machines on which a kernel is alone |
//! | [`probe`] | reads from disks, streams through cards |
//! | [`servers`] | the servers outside the network cards |

mod alone;
mod device;
mod probe;
mod servers;
mod testbed;

pub(super) use self::testbed::DeviceTestbed;
