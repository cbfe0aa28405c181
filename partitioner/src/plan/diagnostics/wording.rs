//! Phrases and places that several diagnostics share.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::address::MIB;
use crate::amount::Amount;
use crate::config::PartitionEntry;
use crate::diagnostic::Place;
use crate::request::Request;
use crate::size::Size;

/// A partition of the box file.
pub(super) fn entry(request: &Request, partition: usize) -> Option<&PartitionEntry> {
    request.file.partitions.get(partition)
}

/// The quoted name of a partition.
pub(super) fn name(request: &Request, partition: usize) -> String {
    entry(request, partition)
        .map_or_else(|| format!("partition {partition}"), |entry| format!("\"{}\"", entry.name.get_ref()))
}

/// Bytes, rounded up to the next MiB, or to a tenth of a larger unit where MiB would have more than five digits.
pub(super) fn about(bytes: u64) -> String {
    let rounded = Size(bytes.checked_next_multiple_of(MIB).unwrap_or(bytes)).to_string();
    let digits = rounded.bytes().take_while(u8::is_ascii_digit).count();
    if digits <= 5 { rounded } else { Amount(bytes).to_string() }
}

/// The place that `place` finds in the entry of a partition.
pub(super) fn place_in(
    request: &Request,
    partition: usize,
    place: impl Fn(&PartitionEntry) -> Option<Place>,
) -> Vec<Place> {
    entry(request, partition).and_then(place).into_iter().collect()
}

/// The place of a partition's memory.
pub(super) fn memory_of(entry: &PartitionEntry) -> Place {
    Place::new(entry.memory.span(), format!("{} wanted", Size(*entry.memory.get_ref())))
}

/// The place of the window's size.
pub(super) fn window(request: &Request) -> Place {
    let shared_memory = &request.file.shared_memory;
    Place::new(shared_memory.span(), format!("shared memory of {}", Size(*shared_memory.get_ref())))
}
