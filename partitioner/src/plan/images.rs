//! Where the images are kept. They stay for as long as the machine is up, because partitions are started again from
//! them.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::conflict::Conflict;
use super::planned::PlannedImage;
use crate::address::RangeSet;
use crate::address::{MemoryRange, PAGE};
use crate::layout::RESIDENT;
use crate::request::{ImageFile, Request};

/// An image stays where the boot loader has put it if no partition has that memory. Else it is moved to left-over
/// memory, and never onto what a boot loader has put anywhere, so that moving one does not destroy another. The largest
/// are moved first, while there are long pieces.
pub(super) fn keep(
    usable: &RangeSet,
    handed_out: &RangeSet,
    request: &Request,
    conflicts: &mut Vec<Conflict>,
) -> Option<Vec<PlannedImage>> {
    let left_over = usable.difference(handed_out);
    let mut kept: Vec<Option<MemoryRange>> = request.images.iter().map(|image| stays(image, &left_over)).collect();
    drop_shared_places(&mut kept);

    let loaded = RangeSet::union(request.images.iter().filter_map(|image| image.loaded));
    let above = RangeSet::union(MemoryRange::new(RESIDENT.end(), u64::MAX));
    let mut free = left_over.intersection(&above).difference(&loaded);
    let mut to_move: Vec<usize> = (0..kept.len()).filter(|index| kept[*index].is_none()).collect();
    to_move.sort_by_key(|index| Reverse(request.images[*index].len));
    for index in to_move {
        let Some(place) = free.lowest(request.images[index].len, PAGE) else {
            conflicts.push(Conflict::NoRoomForImage { image: index, longest: free.longest() });
            return None;
        };
        free.remove(place);
        kept[index] = Some(place);
    }
    let planned = request.images.iter().zip(kept);
    planned.map(|(image, range)| Some(PlannedImage { path: image.path.clone(), range: range? })).collect()
}

/// Where it lies, if it can stay there.
fn stays(image: &ImageFile, left_over: &RangeSet) -> Option<MemoryRange> {
    image.loaded.filter(|loaded| loaded.len() == image.len && left_over.contains(*loaded))
}

/// Two images cannot both stay in the same place; the first does.
fn drop_shared_places(kept: &mut [Option<MemoryRange>]) {
    for index in 1..kept.len() {
        let (before, rest) = kept.split_at_mut(index);
        let shared = |place: &MemoryRange| before.iter().flatten().any(|other| other.overlaps(*place));
        rest[0] = rest[0].filter(|place| !shared(place));
    }
}
