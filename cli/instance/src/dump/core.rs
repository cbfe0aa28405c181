//! What a dump is made of: a kernel that was found, and its memory.

use super::elf;
use super::progress::Progress;
use super::registers;
use super::target::{Target, TargetError};
use crate::kernel::direct_map::{DirectMap, DirectMapError};
use crate::kernel::memory::{Memory, MemoryError, Physical};
use crate::kernel::note::Note;
use crate::kernel::paging::AddressSpace;
use crate::kernel::range::MemoryRange;
use crate::kernel::search::{self, SearchError};
use crate::snapshot::Words;

/// Bytes that are read at a time, as many as are mapped at a time.
const PIECE: u64 = 2 << 20;

/// A kernel in some ranges of memory, all of which can be written as a core file.
pub(super) struct Core<'m, M> {
    memory: &'m M,
    ranges: &'m [MemoryRange],
    note: Note,
    map: DirectMap,
    /// An `elf_prstatus` of each core, where registers are kept.
    statuses: Vec<Vec<u8>>,
}

/// Why a core is not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CoreError {
    /// Memory cannot be read.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The dump cannot be written.
    #[error(transparent)]
    Target(#[from] TargetError),
}

impl<'m, M: Memory> Core<'m, M> {
    /// The first kernel whose page tables can be walked.
    pub(super) fn find(
        memory: &'m M,
        ranges: &'m [MemoryRange],
        words: &Words,
    ) -> Result<Self, SearchError<DirectMapError>> {
        let statuses = registers::statuses(memory, words.registers, words.cores);
        search::first(memory, ranges, "kernel", |at, note| {
            let map = DirectMap::find(&AddressSpace::new(memory, &note)?, at)?;
            Ok(Self { memory, ranges, note, map, statuses: statuses.clone() })
        })
    }

    /// Writes it.
    pub(super) fn write(&self, into: &mut Target) -> Result<(), CoreError> {
        into.write(&elf::header(self.note.text(), &self.statuses, self.map, self.ranges))?;
        let mut progress = Progress::of(self.ranges.iter().map(|range| range.len()).sum());
        let mut bytes = vec![0; PIECE as usize];
        for (at, len) in self.ranges.iter().flat_map(|range| pieces(*range)) {
            let piece = &mut bytes[..len as usize];
            self.memory.read(at, piece)?;
            into.write(piece)?;
            progress.advance(len);
        }
        Ok(())
    }
}

/// The beginnings of a range's pieces, and their lengths.
fn pieces(range: MemoryRange) -> impl Iterator<Item = (Physical, u64)> {
    let count = range.len().div_ceil(PIECE);
    (0..count).map(move |number| {
        let done = number * PIECE;
        (Physical(range.first() + done), PIECE.min(range.len() - done))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::dump::target::Existing;
    use crate::kernel::direct_map::tests::memory;
    use crate::kernel::memory::PAGE;
    use crate::snapshot::sample::running;

    /// The direct map of the kernel in memory.
    const BASE: u64 = 0xffff_8880_0000_0000;

    fn of_pages(first: u64, pages: u64) -> MemoryRange {
        MemoryRange::new(first, first + pages * PAGE - 1).unwrap()
    }

    #[test]
    fn the_file_has_the_header_and_then_range_after_range() {
        let memory = memory(4, BASE + 0x4000_0000, 0x4000_0000, 3);
        let first = memory.range().first();
        let ranges = [of_pages(first, 3), of_pages(first + 5 * PAGE, 3)];
        let core = Core::find(&memory, &ranges, &running()).unwrap();
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("vmcore");
        let mut target = Target::open(&path, Existing::Keep).unwrap();
        core.write(&mut target).unwrap();
        target.finish().unwrap();

        let mut expected = elf::header(core.note.text(), &[], DirectMap::at(BASE), &ranges);
        for range in ranges {
            let mut bytes = vec![0; range.len() as usize];
            memory.read(Physical(range.first()), &mut bytes).unwrap();
            expected.extend(bytes);
        }
        assert!(fs::read(path).unwrap() == expected);
        assert!(core.note.text().starts_with("OSRELEASE="));
    }

    #[test]
    fn memory_without_a_kernel_is_not_dumped() {
        let memory = memory(4, BASE, 0, 3);
        let range = of_pages(memory.range().first(), 2);
        let refusal = |ranges: &[MemoryRange]| Core::find(&memory, ranges, &running()).err().unwrap().to_string();
        assert_eq!(
            refusal(&[range]),
            format!("no kernel in {range}: the kernel there has not come so far yet, or is not a Linux kernel")
        );
        assert!(refusal(&[memory.range()]).contains("1 page(s) look like a Linux kernel's vmcoreinfo"));
    }

    #[test]
    fn a_range_is_read_in_pieces_of_which_the_last_may_be_shorter() {
        let range = of_pages(0x10_0000, 2 * PIECE / PAGE + 1);
        let expected = [(0x10_0000, PIECE), (0x30_0000, PIECE), (0x50_0000, PAGE)];
        assert_eq!(pieces(range).collect::<Vec<_>>(), expected.map(|(at, len)| (Physical(at), len)));
    }
}
