//! Limits of the values of a box file.

/// The longest name: Linux takes 64 bytes of host name, and a file name is made of box and partition.
pub(super) const NAME_MAX: usize = 32;
/// A partition that ends again and again is kept after so many restarts within ten minutes.
pub(super) const DEFAULT_RESTART_LIMIT: u8 = 5;
/// Linux knows no machine with more cores (`NR_CPUS_RANGE_END`).
pub(super) const CORES_MAX: u32 = 8192;
