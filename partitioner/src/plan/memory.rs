//! The memory of each partition, and the place of the window.
//!
//! Memory is given in 2 MiB-aligned runs from above the resident part, to one after another in the order of the file,
//! the window last: so a partition that is added at the end takes nothing from those before it. Each gets, of these,
//! the first that is possible:
//! 1. the lowest single run near its cores (SRAT), or anywhere if the machine has no memory there;
//! 2. several runs, those near its cores first, low ones first, of which the first holds tables, kernel and initial
//!    file system.
//!
//! The lowest run is taken and not the one that fits most tightly: memory below 4 GiB, which devices with short
//! addresses need, then goes to the partition that is named first, as one would guess. Where the order of the file
//! fails because memory lies in pieces, it is tried once more with those first that need the longest piece.
//!
//! Where a boot loader has put the images plays no part here: so a host that plans and the machine itself get the same
//! answer.

use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::boot_run::{BootRun, Contents};
use super::conflict::{Conflict, Shortage, Taker};
use crate::address::RangeSet;
use crate::address::{LARGE_PAGE, MemoryRange};
use crate::inventory::{CoreNumber, Inventory, NodeId};
use crate::layout::RESIDENT;
use crate::request::Request;

/// The memory of the partitions and of the window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Shares {
    pub(super) partitions: Vec<PartitionMemory>,
    pub(super) window: MemoryRange,
}

/// A partition's runs, and how the first is divided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PartitionMemory {
    pub(super) runs: Vec<MemoryRange>,
    pub(super) first: BootRun,
}

/// What a partition or the window wants.
struct Want<'a> {
    taker: Taker,
    len: u64,
    /// What the first run must hold. The window holds nothing yet, and must be in one piece.
    contents: Option<Contents<'a>>,
    /// Memory near the cores of a partition.
    near: RangeSet,
}

/// Memory from which partitions and window are taken.
pub(super) fn available(usable: &RangeSet) -> RangeSet {
    let above = RangeSet::union(MemoryRange::new(RESIDENT.end(), u64::MAX));
    usable.intersection(&above).aligned(LARGE_PAGE)
}

/// Divides the memory. `cores` are those of each partition, `None` where there is a conflict about them.
pub(super) fn share(
    usable: &RangeSet,
    inventory: &Inventory,
    request: &Request,
    cores: Option<&[Vec<CoreNumber>]>,
    conflicts: &mut Vec<Conflict>,
) -> Option<Shares> {
    let free = available(usable);
    let wants = wants(inventory, request, cores);
    let before = conflicts.len();
    check_contents(&wants, conflicts);
    let wanted = wants.iter().fold(0_u64, |sum, want| sum.saturating_add(want.len));
    if wanted > free.total() {
        conflicts.push(Conflict::TooLittleMemory { wanted, there: free.total() });
    }
    if conflicts.len() > before {
        return None;
    }
    let taken = take_in_order(&free, &wants, |_| 0)
        .or_else(|shortage| take_in_order(&free, &wants, |want| want.in_one_piece()).map_err(|_| shortage));
    match taken {
        Ok(runs) => divide(&wants, runs),
        Err(shortage) => {
            conflicts.push(Conflict::MemoryInPieces(shortage));
            None
        }
    }
}

/// The partitions in the order of the file, and the window.
fn wants<'a>(inventory: &Inventory, request: &'a Request, cores: Option<&[Vec<CoreNumber>]>) -> Vec<Want<'a>> {
    let cores = cores.unwrap_or_default();
    let partitions = request.entries().enumerate().map(|(partition, (entry, images))| {
        let initrd = images.initrd.and_then(|index| request.images.get(index));
        Want {
            taker: Taker::Partition(partition),
            len: *entry.memory.get_ref(),
            contents: Some(Contents {
                kernel: &images.bzimage,
                initrd_len: initrd.map_or(0, |image| image.len),
                unpacked_len: initrd.and_then(|image| image.unpacked_len).unwrap_or(0),
            }),
            near: memory_near(inventory, cores.get(partition).map_or(&[], Vec::as_slice)),
        }
    });
    let len = *request.file.shared_memory.get_ref();
    let window = Want { taker: Taker::Window, len, contents: None, near: RangeSet::default() };
    partitions.chain([window]).collect()
}

fn memory_near(inventory: &Inventory, cores: &[CoreNumber]) -> RangeSet {
    let nodes: Vec<NodeId> = cores.iter().filter_map(|number| Some(inventory.core(*number)?.node)).collect();
    let near = inventory.node_memory.iter().filter(|memory| nodes.contains(&memory.node));
    RangeSet::union(near.map(|memory| memory.range))
}

/// Kernels and initial file systems that cannot fit wherever their partition lies.
fn check_contents(wants: &[Want<'_>], conflicts: &mut Vec<Conflict>) {
    for want in wants {
        let (Taker::Partition(partition), Some(contents)) = (want.taker, &want.contents) else { continue };
        let kernel = contents.least_for_kernel().unwrap_or(u64::MAX);
        let needed = contents.least().unwrap_or(u64::MAX);
        if kernel > want.len {
            conflicts.push(Conflict::KernelTooLarge { partition, needed: kernel });
        } else if needed > want.len {
            conflicts.push(Conflict::InitrdTooLarge { partition, initrd: contents.initrd_len, needed });
        } else if let needed = contents.least_unpacked()
            && needed > want.len
        {
            conflicts.push(Conflict::UnpackedTooLarge { partition, unpacked: contents.unpacked_len, needed });
        }
    }
}

/// Serves those with the highest `rank` first, equals in the order of the file; the runs come back in that of `wants`.
fn take_in_order(
    free: &RangeSet,
    wants: &[Want<'_>],
    rank: impl Fn(&Want<'_>) -> u64,
) -> Result<Vec<Vec<MemoryRange>>, Shortage> {
    let machine = free;
    let mut free = free.clone();
    let mut order: Vec<usize> = (0..wants.len()).collect();
    order.sort_by_key(|index| Reverse(rank(&wants[*index])));
    let mut taken = vec![Vec::new(); wants.len()];
    for index in order {
        let want = &wants[index];
        let runs = want.take_from(&free).ok_or_else(|| want.shortage(&free, machine))?;
        runs.iter().for_each(|run| free.remove(*run));
        taken[index] = runs;
    }
    Ok(taken)
}

impl Want<'_> {
    /// How much of it must be in one piece.
    fn in_one_piece(&self) -> u64 {
        let least = self.contents.as_ref().and_then(Contents::least);
        least.and_then(|least| least.checked_next_multiple_of(LARGE_PAGE)).unwrap_or(self.len)
    }

    /// That it cannot be met from what is `free` of the `machine`.
    fn shortage(&self, free: &RangeSet, machine: &RangeSet) -> Shortage {
        let (longest, longest_of_all) = (self.longest_in(free), self.longest_in(machine));
        let lowest = self.contents.as_ref().filter(|_| free.longest() > longest).map(Contents::lowest_kernel);
        Shortage { taker: self.taker, needed: self.in_one_piece(), longest, longest_of_all, lowest }
    }

    /// The longest piece of `free` that counts: where a kernel cannot lie, nothing is gained.
    fn longest_in(&self, free: &RangeSet) -> u64 {
        match &self.contents {
            Some(contents) => free.ranges().iter().map(|range| contents.room_in(*range)).max().unwrap_or(0),
            None => free.longest(),
        }
    }

    fn take_from(&self, free: &RangeSet) -> Option<Vec<MemoryRange>> {
        let near = free.intersection(&self.near).aligned(LARGE_PAGE);
        let whole = if near.ranges().is_empty() { free } else { &near };
        match whole.ranges().iter().find_map(|range| self.single(*range)) {
            Some(run) => Some(vec![run]),
            None => self.pieces(free, &near),
        }
    }

    /// All of it in one run inside `range`.
    fn single(&self, range: MemoryRange) -> Option<MemoryRange> {
        match &self.contents {
            Some(contents) => contents.lowest_run(range, self.len),
            None => Some(range.split_at(self.len)?.0),
        }
    }

    /// The first run where everything fits, and the rest from wherever there is memory, near memory first.
    fn pieces(&self, free: &RangeSet, near: &RangeSet) -> Option<Vec<MemoryRange>> {
        let contents = self.contents.as_ref()?;
        let mut near = near.clone();
        let mut far = free.difference(&near);
        // Last of all a piece that is partly near and partly far.
        let in_order = near.ranges().iter().chain(far.ranges()).chain(free.ranges());
        let first = in_order.copied().find_map(|range| contents.lowest_part(range, self.len))?;
        near.remove(first);
        far.remove(first);
        let mut runs = vec![first];
        let mut missing = self.len - first.len();
        for range in near.ranges().iter().chain(far.ranges()) {
            let Some(part) = MemoryRange::with_len(range.start(), range.len().min(missing)) else { break };
            missing -= part.len();
            runs.push(part);
        }
        (missing == 0).then_some(runs)
    }
}

fn divide(wants: &[Want<'_>], taken: Vec<Vec<MemoryRange>>) -> Option<Shares> {
    let mut partitions = Vec::new();
    let mut window = None;
    for (want, runs) in wants.iter().zip(taken) {
        let first = *runs.first()?;
        match &want.contents {
            Some(contents) => partitions.push(PartitionMemory { first: contents.lay_out(first)?, runs }),
            None => window = Some(first),
        }
    }
    Some(Shares { partitions, window: window? })
}
