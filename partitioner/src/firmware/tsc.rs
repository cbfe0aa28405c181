//! The rate of the time-stamp counter from what the processor says of itself (Intel SDM volume 3,
//! "Determining the Processor Base Frequency").

/// CPUID leaf 0x15: the counter runs at `numerator / denominator` times the crystal's rate.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TscLeaf {
    /// EAX.
    pub denominator: u32,
    /// EBX.
    pub numerator: u32,
    /// ECX: the crystal's rate in Hz, 0 where the processor does not report it.
    pub crystal_hz: u32,
}

/// Ticks in a millisecond, from leaf 0x15 and from the base frequency in MHz (leaf 0x16, EAX bits 15:0; 0 if there is
/// no such leaf).
///
/// `None` where the processor does not report it; then the counter must be measured. A processor that knows the ratio
/// but not the crystal runs the counter at its base frequency.
pub fn tsc_khz(leaf: TscLeaf, base_mhz: u32) -> Option<u64> {
    if leaf.denominator == 0 || leaf.numerator == 0 {
        return None;
    }
    let khz = match leaf.crystal_hz {
        0 => u64::from(base_mhz & 0xffff) * 1000,
        // The product of two `u32` fits.
        hz => u64::from(hz) * u64::from(leaf.numerator) / u64::from(leaf.denominator) / 1000,
    };
    (khz > 0).then_some(khz)
}
