//! Diagnostics about memory, the window and its queues, and images.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::wording::{about, entry, memory_of, name, place_in, window};
use crate::address::LARGE_PAGE;
use crate::config::PartitionEntry;
use crate::diagnostic::{Diagnostic, Place};
use crate::plan::conflict::{Shortage, Taker};
use crate::request::{ImageIndex, Request};
use crate::size::Size;

pub(super) fn too_many_queues(request: &Request, queues: u8, least: u64, most: u8) -> Diagnostic {
    let (partitions, there) = (request.file.partitions.len(), Size(*request.file.shared_memory.get_ref()));
    let least = Size(least);
    let wanted = request.file.queues.iter().map(|it| Place::new(it.span(), format!("{queues} queues wanted")));
    Diagnostic::new(
        "too-many-queues",
        format!(
            "{queues} queues for each pair of {partitions} partitions take {least} of shared memory, and there is {there}"
        ),
        wanted.chain([window(request)]).collect(),
        format!("write queues = {most}, or shared_memory = \"{least}\""),
    )
}

pub(super) fn low_exhausted(request: &Request, partitions: usize, fit: usize) -> Diagnostic {
    Diagnostic::new(
        "low-memory-exhausted",
        format!("{partitions} partitions need a slice below 1MiB each, and this machine has room for {fit}"),
        place_in(request, fit, |entry| Some(Place::new(entry.name.span(), "the first without a slice"))),
        format!("every kernel starts its processors from such a slice: {fit} partitions are the most"),
    )
}

pub(super) fn kernel_too_large(request: &Request, partition: usize, needed: u64) -> Diagnostic {
    let (name, takes, there) = (name(request, partition), about(needed), memory_size(request, partition));
    Diagnostic::new(
        "kernel-too-large",
        format!("the kernel of {name} takes {takes}, and the partition has {there}"),
        contents(request, partition, |entry| Some(Place::new(entry.kernel.span(), "for this kernel"))),
        enlarge(needed),
    )
}

pub(super) fn initrd_too_large(request: &Request, partition: usize, initrd: u64, needed: u64) -> Diagnostic {
    let (name, len, takes) = (name(request, partition), about(initrd), about(needed));
    let there = memory_size(request, partition);
    Diagnostic::new(
        "initrd-too-large",
        format!(
            "the initial file system of {name} has {len}; with its kernel it takes {takes}, and the partition has {there}"
        ),
        contents(request, partition, |entry| Some(Place::new(entry.initrd.as_ref()?.span(), "for this file"))),
        enlarge(needed),
    )
}

pub(super) fn unpacked_too_large(request: &Request, partition: usize, unpacked: u64, needed: u64) -> Diagnostic {
    let (name, takes, needs) = (name(request, partition), about(unpacked), about(needed));
    let there = memory_size(request, partition);
    Diagnostic::new(
        "initrd-too-large-unpacked",
        format!(
            "the initial file system of {name} takes {takes} unpacked; with its kernel and the file itself that is {needs}, \
             and the partition has {there}"
        ),
        contents(request, partition, |entry| Some(Place::new(entry.initrd.as_ref()?.span(), "for this file"))),
        enlarge(needed),
    )
}

pub(super) fn too_little(request: &Request, wanted: u64, there: u64) -> Diagnostic {
    let partitions = request.entries().map(|(entry, _)| memory_of(entry));
    Diagnostic::new(
        "too-little-memory",
        format!("partitions and shared memory want {}, the machine has {} to give", about(wanted), about(there)),
        partitions.chain([window(request)]).collect(),
        format!("ask for {} less", about(wanted - there)),
    )
}

pub(super) fn in_pieces(request: &Request, shortage: &Shortage) -> Diagnostic {
    let (taker, places) = match shortage.taker {
        Taker::Partition(partition) => {
            (name(request, partition), place_in(request, partition, |entry| Some(memory_of(entry))))
        }
        Taker::Window => ("the shared memory".into(), vec![window(request)]),
    };
    let (needed, longest) = (about(shortage.needed), Size(shortage.longest));
    let why = shortage.lowest.map(|lowest| format!(": no kernel lies below {}", Size(lowest))).unwrap_or_default();
    Diagnostic::new(
        "memory-in-pieces",
        format!("{taker} needs {needed} in one piece, and the longest that is left for it has {longest}{why}"),
        places,
        gather_pieces(request, shortage),
    )
}

/// What would help: others that take less, or something smaller.
fn gather_pieces(request: &Request, shortage: &Shortage) -> String {
    let Shortage { needed, longest, longest_of_all, .. } = *shortage;
    let others = match shortage.taker {
        Taker::Partition(_) => "ask for less memory for the other partitions, or put this one before them",
        Taker::Window => "ask for less shared memory, or for less memory for the partitions",
    };
    match shortage.taker {
        _ if longest_of_all >= needed => others.into(),
        Taker::Window => format!("write shared_memory = \"{}\" at the most", Size(longest)),
        Taker::Partition(partition) => {
            let excess = needed - longest_of_all;
            let initrd = request.partitions.get(partition).and_then(|images| request.images.get(images.initrd?));
            let what =
                if initrd.is_some_and(|image| image.len > excess) { "an initial file system" } else { "a kernel" };
            format!("no piece of this machine's memory is long enough: take {what} that is {} smaller", about(excess))
        }
    }
}

pub(super) fn no_room_for_image(request: &Request, image: ImageIndex, longest: u64) -> Diagnostic {
    let (path, len) = request.images.get(image).map_or(("", 0), |image| (&image.path, image.len));
    let named = request.entries().filter_map(|(entry, images)| {
        if images.kernel == image {
            return Some(entry.kernel.span());
        }
        images.initrd.filter(|initrd| *initrd == image).and(entry.initrd.as_ref()).map(|path| path.span())
    });
    Diagnostic::new(
        "no-room-for-image",
        format!("\"{path}\" takes {}, and the longest piece of memory left has {}", about(len), Size(longest)),
        named.map(|span| Place::new(span, "named here")).collect(),
        "ask for less memory: images are kept, because partitions are started again from them",
    )
}

fn memory_size(request: &Request, partition: usize) -> Size {
    Size(entry(request, partition).map_or(0, |entry| *entry.memory.get_ref()))
}

/// The memory of a partition, and the place of what should fit into it.
fn contents(request: &Request, partition: usize, place: impl Fn(&PartitionEntry) -> Option<Place>) -> Vec<Place> {
    let memory = place_in(request, partition, |entry| Some(Place::new(entry.memory.span(), "too small")));
    memory.into_iter().chain(place_in(request, partition, place)).collect()
}

fn enlarge(needed: u64) -> String {
    match needed.checked_next_multiple_of(LARGE_PAGE) {
        Some(least) => format!("write memory = \"{}\" at the least; unpacking takes more", Size(least)),
        None => "the file is damaged: copy or download it again".into(),
    }
}
