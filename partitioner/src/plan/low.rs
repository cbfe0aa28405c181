//! A slice below 1 MiB for each partition, and the fixed addresses that must be ours.

use alloc::vec::Vec;

use super::conflict::{Conflict, Fixed};
use crate::address::RangeSet;
use crate::address::{MemoryRange, PAGE};
use crate::layout::{LOW_SLICE_LEN, LOW_SLICES_END, LOW_SLICES_START};

/// The most slices that a machine can have.
const SLICES_MAX: usize = ((LOW_SLICES_END - LOW_SLICES_START) / LOW_SLICE_LEN) as usize;

/// A slice for each partition, in the order of the file.
pub(super) type Slices = heapless::Vec<MemoryRange, SLICES_MAX>;

/// The slices of `partitions`, from the lowest address on; `None` if there are not so many.
pub(super) fn slices(usable: &RangeSet, partitions: usize, conflicts: &mut Vec<Conflict>) -> Option<Slices> {
    let bounds = RangeSet::union(MemoryRange::new(LOW_SLICES_START, LOW_SLICES_END));
    let mut free = usable.intersection(&bounds);
    let mut slices = Slices::new();
    while slices.len() < partitions {
        match free.lowest(LOW_SLICE_LEN, PAGE) {
            Some(slice) if slices.push(slice).is_ok() => free.remove(slice),
            _ => {
                conflicts.push(Conflict::LowMemoryExhausted { partitions, fit: slices.len() });
                return None;
            }
        }
    }
    Some(slices)
}

/// The fixed addresses that we cannot do without must be in usable memory.
pub(super) fn check_fixed(usable: &RangeSet, conflicts: &mut Vec<Conflict>) {
    let taken = Fixed::ALL.into_iter().filter(|fixed| !usable.contains(fixed.range()));
    conflicts.extend(taken.map(Conflict::FixedNotUsable));
}
