//! A slice below 1 MiB for each partition, and the fixed addresses that must be ours.

use alloc::vec::Vec;

use super::conflict::{Conflict, Fixed};
use super::ranges::RangeSet;
use crate::address::{MemoryRange, PAGE};
use crate::layout::{LOW_SLICE_LEN, LOW_SLICES_END, LOW_SLICES_START};

/// The slices of `partitions`, from the lowest address on; `None` if there are not so many.
pub(super) fn slices(usable: &RangeSet, partitions: usize, conflicts: &mut Vec<Conflict>) -> Option<Vec<MemoryRange>> {
    let bounds = RangeSet::union(MemoryRange::new(LOW_SLICES_START, LOW_SLICES_END));
    let mut free = usable.intersection(&bounds);
    let mut slices = Vec::new();
    while slices.len() < partitions {
        let Some(slice) = free.lowest(LOW_SLICE_LEN, PAGE) else {
            conflicts.push(Conflict::LowMemoryExhausted { partitions, fit: slices.len() });
            return None;
        };
        free.remove(slice);
        slices.push(slice);
    }
    Some(slices)
}

/// The addresses that nothing can be done without must be in usable memory.
pub(super) fn check_fixed(usable: &RangeSet, conflicts: &mut Vec<Conflict>) {
    let taken = Fixed::ALL.into_iter().filter(|fixed| !usable.contains(fixed.range()));
    conflicts.extend(taken.map(Conflict::FixedNotUsable));
}
