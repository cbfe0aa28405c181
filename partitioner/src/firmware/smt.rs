//! Which logical processors are threads of one physical core (Intel SDM volume 3, "Hierarchical Mapping of Shared
//! Resources"; AMD APM volume 3, CPUID function 0x8000_001E).

/// How many low bits of an APIC ID tell the threads of one physical core apart.
///
/// `thread_level` is what CPUID leaf 0x1F, or else 0x0B, says of the level of threads (subleaf 0, EAX bits 4:0);
/// `None` where the processor has neither leaf. `threads_per_core` (leaf 0x8000_001E, EBX bits 15:8, plus one) is what
/// older processors of AMD say instead.
pub fn smt_shift(thread_level: Option<u32>, threads_per_core: Option<u8>) -> u8 {
    let bits = thread_level.unwrap_or_else(|| threads_per_core.map_or(0, bits_for));
    u8::try_from(bits).unwrap_or_default()
}

/// Bits that so many identifiers need.
fn bits_for(count: u8) -> u32 {
    u32::from(count).next_power_of_two().ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_of_threads_counts_before_the_number_of_threads() {
        assert_eq!(smt_shift(Some(1), Some(4)), 1);
        assert_eq!(smt_shift(Some(0), Some(2)), 0);
        assert_eq!([1, 2, 3, 4, 0].map(|threads| smt_shift(None, Some(threads))), [0, 1, 2, 2, 0]);
        assert_eq!(smt_shift(None, None), 0);
    }
}
