//! Limits of the values of a box file.

/// The longest name: Linux takes 64 bytes of host name, and a file name is made of box and partition.
pub(super) const NAME_MAX: usize = 32;
/// Linux knows no machine with more cores (`NR_CPUS_RANGE_END`).
pub(super) const CORES_MAX: u32 = 8192;
