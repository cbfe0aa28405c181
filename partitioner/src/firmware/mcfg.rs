//! The table of memory-mapped configuration space (PCI Firmware Specification 3.3, section 4.1.2).

use alloc::vec::Vec;

use super::error::FirmwareError;
use super::table::{body, u16_at, u64_at};
use crate::inventory::EcamSegment;

/// Where the allocations start.
const ALLOCATIONS: usize = 44;
/// Bytes of each.
const ALLOCATION_LEN: usize = 16;

/// Reads a whole table, header included. Allocations whose last bus is before their first are passed over.
///
/// # Errors
/// [`FirmwareError::Damaged`].
pub fn read(bytes: &[u8]) -> Result<Vec<EcamSegment>, FirmwareError> {
    Ok(body(bytes, "MCFG", ALLOCATIONS)?.chunks_exact(ALLOCATION_LEN).filter_map(segment).collect())
}

fn segment(entry: &[u8]) -> Option<EcamSegment> {
    let segment = EcamSegment {
        segment: u16_at(entry, 8)?,
        base: u64_at(entry, 0)?,
        first_bus: *entry.get(10)?,
        last_bus: *entry.get(11)?,
    };
    (segment.first_bus <= segment.last_bus).then_some(segment)
}
