//! An MP configuration table that says next to nothing (MultiProcessor Specification 1.4, chapter 4).
//!
//! On a machine with a BIOS, a Linux whose MADT lists no IOAPIC looks for the firmware's MP table, finds the IOAPIC
//! there and drives it, in every instance. It takes the first `_MP_` structure that it meets, so one without an I/O
//! APIC, put where it looks first, keeps all instances off. A table without any interrupt it calls a BIOS bug, and
//! makes up sixteen; so there is one, from a bus and to an I/O APIC that do not exist.

use crate::layout::MP_CONFIG;

/// Where every processor finds its local APIC. Linux takes a table without it for broken.
const LOCAL_APIC: u32 = 0xfee0_0000;
/// Version 1.4 of the specification.
const SPEC_REVISION: u8 = 4;

const HEADER_LEN: usize = 44;
/// Type of an I/O interrupt assignment entry; its other seven bytes, all zero, say INT from line 0 of bus 0 to pin 0 of
/// I/O APIC 0.
const INTERRUPT_ENTRY: u8 = 3;
/// The header and that one entry.
const CONFIG_LEN: usize = HEADER_LEN + 8;

/// The floating pointer for [`crate::layout::MP_POINTER`], and the table for [`MP_CONFIG`] to which it points.
pub fn mp_table() -> ([u8; 16], [u8; CONFIG_LEN]) {
    (floating_pointer(), configuration_table())
}

fn floating_pointer() -> [u8; 16] {
    let mut pointer = [0; 16];
    pointer[0..4].copy_from_slice(b"_MP_");
    pointer[4..8].copy_from_slice(&(MP_CONFIG as u32).to_le_bytes());
    // Length in units of 16 bytes.
    pointer[8] = 1;
    pointer[9] = SPEC_REVISION;
    pointer[10] = checksum(&pointer);
    pointer
}

fn configuration_table() -> [u8; CONFIG_LEN] {
    let mut table = [0; CONFIG_LEN];
    table[0..4].copy_from_slice(b"PCMP");
    let len = table.len() as u16;
    table[4..6].copy_from_slice(&len.to_le_bytes());
    table[6] = SPEC_REVISION;
    table[8..16].copy_from_slice(b"SPRIG   ");
    table[16..28].copy_from_slice(b"PARTITION   ");
    table[34] = 1;
    table[36..40].copy_from_slice(&LOCAL_APIC.to_le_bytes());
    table[HEADER_LEN] = INTERRUPT_ENTRY;
    table[7] = checksum(&table);
    table
}

/// What makes all bytes add up to zero.
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::MP_POINTER;

    fn sum(bytes: &[u8]) -> u8 {
        bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte))
    }

    #[test]
    fn both_add_up_to_zero_and_lie_side_by_side() {
        let (pointer, table) = mp_table();
        assert_eq!((sum(&pointer), sum(&table)), (0, 0));
        assert_eq!(u64::from(u32::from_le_bytes([pointer[4], pointer[5], pointer[6], pointer[7]])), MP_CONFIG);
        assert!(MP_CONFIG + table.len() as u64 <= MP_POINTER && MP_POINTER.is_multiple_of(16));
        assert_eq!(usize::from(u16::from_le_bytes([table[4], table[5]])), table.len());
        assert_eq!((&table[34..36], table[44]), (&[1, 0][..], 3), "one entry, an interrupt");
    }
}
