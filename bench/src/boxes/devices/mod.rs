//! What partitions make of their devices, and beside each the same kernel alone on a machine with the same devices, as many
//! cores and as much memory.

mod alone;
mod device;
mod probe;
mod testbed;

pub(super) use self::testbed::DeviceTestbed;
