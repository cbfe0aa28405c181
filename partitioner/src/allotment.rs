//! The whole memory of a machine, stretch by stretch, and what the plan makes of each: what table and picture show.

use alloc::vec;
use alloc::vec::Vec;

use crate::address::MemoryRange;
use crate::inventory::{Inventory, MemoryKind};
use crate::layout::{RESIDENT, TRAMPOLINE};
use crate::plan::Plan;

/// What a stretch of memory is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Memory of the partition of this place in the box file.
    Partition(usize),
    /// The slice below 1 MiB of that partition.
    LowSlice(usize),
    /// The window of the virtual Ethernet.
    Window,
    /// The image of this place in the plan.
    Image(usize),
    /// The boot image, which stays.
    Resident,
    /// Where processors are woken.
    Trampoline,
    /// Usable, and nobody's.
    Unassigned,
    /// The firmware's or a device's.
    Firmware,
}

/// A stretch of memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allotment {
    /// Where it lies.
    pub range: MemoryRange,
    /// What it is for.
    pub purpose: Purpose,
}

/// Everything that the firmware's map knows, in the order of addresses, without overlap.
pub fn allotments(inventory: &Inventory, plan: &Plan) -> Vec<Allotment> {
    let given = given(plan);
    let mut all = given.clone();
    for region in &inventory.memory {
        let purpose = match region.kind {
            MemoryKind::Usable => Purpose::Unassigned,
            _ => Purpose::Firmware,
        };
        let left = given.iter().fold(vec![region.range], |left, allotment| without(&left, allotment.range));
        all.extend(left.into_iter().map(|range| Allotment { range, purpose: purpose.clone() }));
    }
    all.sort_by_key(|allotment| allotment.range);
    all
}

/// Bytes of usable memory that nobody has.
pub fn unassigned(allotments: &[Allotment]) -> u64 {
    let unassigned = allotments.iter().filter(|allotment| allotment.purpose == Purpose::Unassigned);
    unassigned.map(|allotment| allotment.range.len()).sum()
}

fn given(plan: &Plan) -> Vec<Allotment> {
    let mut given = vec![
        Allotment { range: TRAMPOLINE, purpose: Purpose::Trampoline },
        Allotment { range: RESIDENT, purpose: Purpose::Resident },
        Allotment { range: plan.window, purpose: Purpose::Window },
    ];
    for (number, partition) in plan.partitions.iter().enumerate() {
        given.push(Allotment { range: partition.low, purpose: Purpose::LowSlice(number) });
        let memory = partition.memory.iter();
        given.extend(memory.map(|range| Allotment { range: *range, purpose: Purpose::Partition(number) }));
    }
    let images = plan.images.iter().enumerate();
    given.extend(images.map(|(number, image)| Allotment { range: image.range, purpose: Purpose::Image(number) }));
    given
}

fn without(ranges: &[MemoryRange], hole: MemoryRange) -> Vec<MemoryRange> {
    ranges.iter().flat_map(|range| range.without(hole)).flatten().collect()
}
