//! The firmware's memory map, put in order.
//!
//! Firmware may list ranges in any order, let them overlap, and contradict itself. Where two kinds claim a byte, the
//! more restrictive one has it.

use alloc::vec::Vec;

use crate::address::MemoryRange;
use crate::inventory::{MemoryKind, MemoryRegion};

/// A line of the map as the boot loader hands it on (ACPI 6.5, section 15, table 15.374).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawRegion {
    /// First byte.
    pub start: u64,
    /// Bytes; 0 means that the line says nothing.
    pub len: u64,
    /// The e820 type.
    pub kind: u32,
}

/// The same map sorted, without overlap, neighbours of one kind joined.
pub fn memory_map(entries: impl IntoIterator<Item = RawRegion>) -> Vec<MemoryRegion> {
    let claims: Vec<MemoryRegion> = entries.into_iter().filter_map(claim).collect();
    let mut bounds: Vec<u64> = claims.iter().flat_map(|claim| [claim.range.start(), claim.range.end()]).collect();
    bounds.sort_unstable();
    bounds.dedup();

    let mut map: Vec<MemoryRegion> = Vec::with_capacity(claims.len());
    for pair in bounds.windows(2) {
        let Some(range) = MemoryRange::new(pair[0], pair[1]) else { continue };
        let claimed = claims.iter().filter(|claim| claim.range.contains(range)).map(|claim| claim.kind);
        let Some(kind) = claimed.max_by_key(|kind| restrictiveness(*kind)) else { continue };
        push_joined(&mut map, MemoryRegion { range, kind });
    }
    map
}

/// A line that says something. One that passes the end of the address space is cut there.
fn claim(raw: RawRegion) -> Option<MemoryRegion> {
    let range = MemoryRange::new(raw.start, raw.start.saturating_add(raw.len))?;
    Some(MemoryRegion { range, kind: kind(raw.kind) })
}

/// What is not known is not ours.
fn kind(e820_type: u32) -> MemoryKind {
    match e820_type {
        1 => MemoryKind::Usable,
        3 => MemoryKind::AcpiReclaimable,
        4 => MemoryKind::AcpiNvs,
        5 => MemoryKind::Unusable,
        _ => MemoryKind::Reserved,
    }
}

fn restrictiveness(kind: MemoryKind) -> u8 {
    match kind {
        MemoryKind::Usable => 0,
        MemoryKind::AcpiReclaimable => 1,
        MemoryKind::AcpiNvs => 2,
        MemoryKind::Reserved => 3,
        MemoryKind::Unusable => 4,
    }
}

fn push_joined(map: &mut Vec<MemoryRegion>, region: MemoryRegion) {
    if let Some(last) = map.last_mut()
        && last.kind == region.kind
        && last.range.end() == region.range.start()
        && let Some(range) = MemoryRange::new(last.range.start(), region.range.end())
    {
        last.range = range;
    } else {
        map.push(region);
    }
}
