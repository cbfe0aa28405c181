//! The table of memory-mapped configuration space (PCI Firmware Specification 3.3, section 4.1.2).

use alloc::vec::Vec;

use super::error::FirmwareError;
use super::table::{body, u16_at, u64_at};
use crate::inventory::EcamSegment;

/// Where the allocations start.
const ALLOCATIONS: usize = 44;
/// Bytes of each.
const ALLOCATION_LEN: usize = 16;

/// The fields of an allocation (table 4-3).
mod allocation {
    pub(super) const BASE: usize = 0;
    pub(super) const SEGMENT: usize = 8;
    pub(super) const FIRST_BUS: usize = 10;
    pub(super) const LAST_BUS: usize = 11;
}

/// Reads a whole table, header included. Allocations whose last bus is before their first are skipped.
///
/// # Errors
/// [`FirmwareError::Damaged`].
pub fn read(bytes: &[u8]) -> Result<Vec<EcamSegment>, FirmwareError> {
    Ok(body(bytes, "MCFG", ALLOCATIONS)?.chunks_exact(ALLOCATION_LEN).filter_map(segment).collect())
}

fn segment(entry: &[u8]) -> Option<EcamSegment> {
    let segment = EcamSegment {
        segment: u16_at(entry, allocation::SEGMENT)?,
        base: u64_at(entry, allocation::BASE)?,
        first_bus: *entry.get(allocation::FIRST_BUS)?,
        last_bus: *entry.get(allocation::LAST_BUS)?,
    };
    (segment.first_bus <= segment.last_bus).then_some(segment)
}
