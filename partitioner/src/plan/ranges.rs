//! The memory of a machine that can be given.

use crate::address::{MemoryRange, RangeSet};
use crate::inventory::{EcamSegment, Inventory, MemoryKind, MemoryRegion};

/// Memory that the firmware leaves to us: usable, in the processors' reach, and nothing else at the same time. A
/// firmware's map may contradict itself; memory that any entry reserves is not taken.
pub(super) fn usable(inventory: &Inventory) -> RangeSet {
    let of_kind = |usable: bool| {
        let matching = move |region: &&MemoryRegion| (region.kind == MemoryKind::Usable) == usable;
        RangeSet::union(inventory.memory.iter().filter(matching).map(|region| region.range))
    };
    let reach = 1_u64.checked_shl(u32::from(inventory.physical_address_bits)).unwrap_or(u64::MAX);
    let reach = RangeSet::union(MemoryRange::new(0, reach));
    let ecam = RangeSet::union(inventory.ecam.iter().filter_map(EcamSegment::range));
    of_kind(true).intersection(&reach).difference(&of_kind(false)).difference(&ecam)
}
