//! Which of the configuration spaces that the MCFG names can be used. Firmware has been seen to name space at address 0,
//! over memory, and twice; reading there would hang the machine, or take memory for devices.

use alloc::vec::Vec;
use core::fmt;

use crate::address::MIB;
use crate::inventory::{EcamSegment, MemoryKind, MemoryRegion};

/// A configuration space that is left out: none of its functions is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeftOut {
    /// What the MCFG says.
    pub segment: EcamSegment,
    /// What is wrong with it.
    pub fault: EcamFault,
}

/// What is wrong with a configuration space.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EcamFault {
    /// It begins at 0, or not at a multiple of what one bus takes.
    #[error("it cannot begin there")]
    Misplaced,
    /// It ends beyond the processor's addresses.
    #[error("it ends beyond the processor's addresses")]
    BeyondReach,
    /// There is memory.
    #[error("the memory map has memory there")]
    OverMemory,
    /// It meets one that the MCFG names before.
    #[error("it overlaps one before it")]
    Overlap,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EcamSegment { segment, base, first_bus, last_bus } = self.segment;
        write!(
            f,
            "configuration space of segment {segment:04x}, buses {first_bus:02x}-{last_bus:02x}, at {base:#x}: {}",
            self.fault
        )
    }
}

/// Those of `found` that can be used on a machine with that memory and so many bits of address, and the others.
pub fn usable_segments(found: &[EcamSegment], memory: &[MemoryRegion], bits: u8) -> (Vec<EcamSegment>, Vec<LeftOut>) {
    let (mut used, mut left_out) = (Vec::new(), Vec::new());
    for segment in found {
        match fault(segment, &used, memory, bits) {
            None => used.push(*segment),
            Some(fault) => left_out.push(LeftOut { segment: *segment, fault }),
        }
    }
    (used, left_out)
}

fn fault(segment: &EcamSegment, used: &[EcamSegment], memory: &[MemoryRegion], bits: u8) -> Option<EcamFault> {
    if segment.base == 0 || !segment.base.is_multiple_of(MIB) {
        return Some(EcamFault::Misplaced);
    }
    let end = 1u64.checked_shl(bits.into()).unwrap_or(u64::MAX);
    let Some(range) = segment.range().filter(|range| range.end() <= end) else { return Some(EcamFault::BeyondReach) };
    let is_memory = |region: &&MemoryRegion| !matches!(region.kind, MemoryKind::Reserved | MemoryKind::Unusable);
    if memory.iter().filter(is_memory).any(|region| region.range.overlaps(range)) {
        return Some(EcamFault::OverMemory);
    }
    used.iter().any(|other| other.meets(segment)).then_some(EcamFault::Overlap)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::address::MemoryRange;

    fn segment(segment: u16, base: u64, first_bus: u8, last_bus: u8) -> EcamSegment {
        EcamSegment { segment, base, first_bus, last_bus }
    }

    fn faults(found: &[EcamSegment]) -> Vec<EcamFault> {
        let region = |start, end, kind| MemoryRegion { range: MemoryRange::new(start, end).unwrap(), kind };
        let memory = [
            region(0, 0xa_0000, MemoryKind::Usable),
            region(MIB, 2 << 30, MemoryKind::Usable),
            region(0xb000_0000, 0xc000_0000, MemoryKind::Reserved),
        ];
        usable_segments(found, &memory, 40).1.into_iter().map(|left_out| left_out.fault).collect()
    }

    #[test]
    fn what_firmware_names_as_a_rule_is_used() {
        assert_eq!(
            faults(&[
                segment(0, 0xb000_0000, 0, 255),
                segment(1, 0x80_0000_0000, 0, 127),
                segment(2, 0x80_0000_0000, 128, 255)
            ]),
            []
        );
    }

    #[test]
    fn garbage_is_left_out_and_what_is_sound_stays() {
        let sound = segment(0, 0xb000_0000, 0, 255);
        for (garbage, fault) in [
            (segment(1, 0, 0, 255), EcamFault::Misplaced),
            (segment(1, 0xc000_0004, 0, 255), EcamFault::Misplaced),
            (segment(1, 0xff_fff0_0000, 0, 1), EcamFault::BeyondReach),
            (segment(1, u64::MAX << 20, 0, 255), EcamFault::BeyondReach),
            (segment(1, 0x7ff0_0000, 0, 0), EcamFault::OverMemory),
            (segment(1, MIB, 0, 255), EcamFault::OverMemory),
            (segment(1, 0xbff0_0000, 0, 3), EcamFault::Overlap),
            (segment(0, 0xd000_0000, 10, 11), EcamFault::Overlap),
            (sound, EcamFault::Overlap),
        ] {
            assert_eq!(faults(&[sound, garbage]), [fault], "{garbage:?}");
        }
    }

    #[test]
    fn the_log_names_the_space_and_the_reason() {
        let left_out = LeftOut { segment: segment(1, 0x1000, 0, 255), fault: EcamFault::Misplaced };
        assert_eq!(
            left_out.to_string(),
            "configuration space of segment 0001, buses 00-ff, at 0x1000: it cannot begin there"
        );
    }
}
