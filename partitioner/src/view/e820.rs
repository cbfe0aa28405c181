//! The memory map of an instance, in the form that a zero page holds (ACPI 6.5, section 15; Linux
//! `Documentation/arch/x86/zero-page.rst`).
//!
//! What is the partition's own is usable. Everything else that the machine's firmware knows of is *reserved*, never
//! left out: where a map says nothing, Linux may place devices. Only video memory and firmware just below 1 MiB are
//! left out, where no Linux does. A reserved range that begins below 1 MiB is *busy* to Linux, and its `/dev/mem` shows
//! none of it; without this gap such a range would go on through the partitions above, whose kernel logs are read by
//! `/dev/mem`.

use alloc::vec::Vec;

use super::error::ViewError;
use crate::address::{MIB, MemoryRange};
use crate::inventory::EcamSegment;
use crate::layout::{LOW_SLICES_END, RESIDENT};
use crate::plan::{PartitionPlan, Plan};

/// What a zero page holds (`E820_MAX_ENTRIES_ZEROPAGE`).
pub const E820_MAX: usize = 128;

/// Everything below 1 MiB: only the partition's slice of it is its own.
const LOW_MEMORY: MemoryRange = MemoryRange::new(0, MIB).expect("low memory is not empty");

/// The part of it that the map leaves out.
const VIDEO_AND_FIRMWARE: MemoryRange = MemoryRange::new(LOW_SLICES_END, MIB).expect("slices end below 1 MiB");

/// What an instance may do with a range; the values are those of the interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum E820Kind {
    /// Its own memory.
    Usable = 1,
    /// Not its own.
    Reserved = 2,
    /// Its own, and its ACPI tables lie there.
    AcpiTables = 3,
}

/// A line of the map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct E820Entry {
    /// The range.
    pub range: MemoryRange,
    /// Its kind.
    pub kind: E820Kind,
}

/// The map that the instance of `partition` sees: sorted, without overlap, neighbours of one kind joined.
///
/// A map that would be too long loses gaps between reserved ranges, the smallest first: the instance then leaves
/// unused addresses alone, which costs it nothing. Gaps in which its PCI functions lie stay.
///
/// # Errors
/// [`ViewError::MemoryMapTooLong`] if the partition's own memory alone is in too many pieces.
pub fn e820(plan: &Plan, partition: &PartitionPlan) -> Result<heapless::Vec<E820Entry, E820_MAX>, ViewError> {
    let mut entries = own(partition);
    entries.extend(foreign(plan, &entries).into_iter().map(|range| E820Entry { range, kind: E820Kind::Reserved }));
    entries.sort_unstable_by_key(|entry| entry.range);
    let mut entries = joined(entries);
    let windows: Vec<_> = partition.buses.iter().flat_map(|owned| owned.windows.memory()).collect();
    while entries.len() > E820_MAX && close_smallest_gap(&mut entries, &windows) {}
    heapless::Vec::from_slice(&entries).map_err(|_| ViewError::MemoryMapTooLong {
        partition: partition.name.clone(),
        entries: entries.len(),
        most: E820_MAX,
    })
}

/// What the partition owns.
fn own(partition: &PartitionPlan) -> Vec<E820Entry> {
    let usable = partition.memory.iter().flat_map(|run| run.without(partition.tables)).flatten();
    [partition.low]
        .into_iter()
        .chain(usable)
        .map(|range| E820Entry { range, kind: E820Kind::Usable })
        .chain([E820Entry { range: partition.tables, kind: E820Kind::AcpiTables }])
        .collect()
}

/// What there is on the machine besides `own`.
fn foreign(plan: &Plan, own: &[E820Entry]) -> Vec<MemoryRange> {
    let mut ranges = plan.machine_memory.clone();
    ranges.extend([LOW_MEMORY, RESIDENT, plan.window]);
    ranges.extend(plan.ecam.iter().filter_map(EcamSegment::range));
    let mut ranges = united(ranges);
    for not_foreign in own.iter().map(|entry| entry.range).chain([VIDEO_AND_FIRMWARE]) {
        ranges = ranges.into_iter().flat_map(|range| range.without(not_foreign)).flatten().collect();
    }
    ranges
}

/// The same bytes in as few ranges as can be, sorted.
fn united(mut ranges: Vec<MemoryRange>) -> Vec<MemoryRange> {
    ranges.sort_unstable();
    let mut united: Vec<MemoryRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match united.last_mut() {
            Some(last) if range.start() <= last.end() => *last = spanning(*last, range),
            _ => united.push(range),
        }
    }
    united
}

/// From the start of the one to the end of the two.
fn spanning(first: MemoryRange, second: MemoryRange) -> MemoryRange {
    MemoryRange::new(first.start().min(second.start()), first.end().max(second.end())).unwrap_or(first)
}

/// Sorted entries, with neighbours of one kind made one.
fn joined(entries: Vec<E820Entry>) -> Vec<E820Entry> {
    let mut joined: Vec<E820Entry> = Vec::with_capacity(entries.len());
    for entry in entries {
        match joined.last_mut() {
            Some(last) if last.kind == entry.kind && last.range.end() == entry.range.start() => {
                last.range = spanning(last.range, entry.range);
            }
            _ => joined.push(entry),
        }
    }
    joined
}

/// Makes one of the two reserved neighbours that are nearest to each other with nothing of `kept` between them. Returns
/// whether there were any.
fn close_smallest_gap(entries: &mut Vec<E820Entry>, kept: &[MemoryRange]) -> bool {
    let keeps = |pair: &[E820Entry]| {
        let gap = MemoryRange::new(pair[0].range.end(), pair[1].range.start());
        gap.is_some_and(|gap| kept.iter().any(|range| range.overlaps(gap)))
    };
    let smallest = entries
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| pair.iter().all(|entry| entry.kind == E820Kind::Reserved) && !keeps(pair))
        .min_by_key(|(_, pair)| pair[1].range.start() - pair[0].range.end())
        .map(|(at, _)| at);
    let Some(at) = smallest else { return false };
    let upper = entries.remove(at + 1);
    entries[at].range = spanning(entries[at].range, upper.range);
    true
}
