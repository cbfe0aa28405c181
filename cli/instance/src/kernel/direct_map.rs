//! Where another kernel maps all of its memory: the *direct map* (Linux `Documentation/arch/x86/x86_64/mm.rst`).
//!
//! It begins at `page_offset_base`, which each start of a kernel chooses anew, and which vmcoreinfo does not have. But it
//! is the lowest that a kernel maps in its half of the address space. So its first page shows where it begins.

use crate::kernel::memory::{Memory, Physical};
use crate::kernel::paging::{AddressSpace, PagingError, Virtual};

/// The base is a multiple of the largest page.
const BASE_UNIT: u64 = 1 << 30;

/// The direct map of a kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DirectMap {
    /// The virtual address of physical address 0: `page_offset_base`.
    base: Virtual,
}

/// Why a kernel's direct map is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectMapError {
    /// The page tables cannot be walked.
    #[error(transparent)]
    Paging(#[from] PagingError),
    /// The first page is none of a direct map.
    #[error("its first page, {page}, is mapped to {at}, which is no direct map")]
    Base {
        /// The page's address.
        page: Virtual,
        /// Where it lies.
        at: Physical,
    },
    /// The map does not have the note, from which it was found, in its place.
    #[error("its direct map would begin at {base}, and has {found} for {at}")]
    Elsewhere {
        /// Where the map would begin.
        base: Virtual,
        /// The place that should be mapped.
        at: Physical,
        /// The place that is.
        found: Physical,
    },
}

impl DirectMap {
    /// One that begins there.
    #[cfg(test)]
    pub(crate) fn at(base: u64) -> Self {
        Self { base: Virtual(base) }
    }

    /// The direct map of that address space, in which `at` must be mapped.
    pub(crate) fn find(space: &AddressSpace<'_, impl Memory>, at: Physical) -> Result<Self, DirectMapError> {
        let (page, place) = space.first_page()?;
        let base = Virtual(page.0.wrapping_sub(place.0));
        if !base.0.is_multiple_of(BASE_UNIT) {
            return Err(DirectMapError::Base { page, at: place });
        }
        let map = Self { base };
        match space.translate(map.address(at))? {
            (found, _) if found == at => Ok(map),
            (found, _) => Err(DirectMapError::Elsewhere { base, at, found }),
        }
    }

    /// The virtual address of a byte of memory.
    pub(crate) fn address(self, of: Physical) -> Virtual {
        self.base.plus(of.0)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::kernel::fake::FakeMemory;
    use crate::kernel::memory::PAGE;
    use crate::kernel::note::Note;

    const MEMORY: u64 = 0x4020_0000;
    const PRESENT: u64 = 1;
    const LARGE: u64 = 1 << 7;
    const NOTE: Physical = Physical(MEMORY + 7 * PAGE);

    fn page(number: u64) -> u64 {
        MEMORY + number * PAGE
    }

    /// Memory of eight pages with a kernel of so many levels, whose tables map `place` at `address` by a page of that level.
    pub(crate) fn memory(levels: u32, address: u64, place: u64, page_level: u32) -> FakeMemory {
        let memory = FakeMemory::new(Physical(MEMORY), 8 * PAGE as usize);
        map(&memory, levels, address, place, page_level);
        let text = format!(
            "OSRELEASE=\nSYMBOL(init_top_pgt)=ffffffff80000000\nNUMBER(phys_base)={MEMORY}\nNUMBER(pgtable_l5_enabled)={}\n",
            levels - 4
        );
        memory.write(NOTE, text.as_bytes());
        memory
    }

    fn map(memory: &FakeMemory, levels: u32, address: u64, place: u64, page_level: u32) {
        for (level, table) in (page_level..=levels).rev().zip(0..) {
            let number = address >> (12 + 9 * (level - 1)) & 511;
            let kind = if page_level > 1 { LARGE } else { 0 };
            let entry = if level == page_level { place | kind } else { page(table + 1) };
            memory.write_word(Physical(page(table) + 8 * number), entry | PRESENT);
        }
    }

    fn find(memory: &FakeMemory) -> Result<DirectMap, DirectMapError> {
        let note = Note::read(memory, NOTE).unwrap();
        DirectMap::find(&AddressSpace::new(memory, &note).unwrap(), NOTE)
    }

    #[test]
    fn it_begins_where_its_first_page_says_with_four_levels_and_with_five() {
        for (levels, base) in [(4, 0xffff_9a3c_c000_0000), (5, 0xff2d_0471_4000_0000_u64)] {
            for (level, place) in [(3, 0x4000_0000), (2, MEMORY)] {
                let memory = memory(levels, base + place, place, level);
                let map = find(&memory).unwrap();
                assert_eq!(map.address(Physical(0)), Virtual(base), "{levels} levels, page of level {level}");
                assert_eq!(map.address(NOTE), Virtual(base + NOTE.0));
            }
        }
    }

    #[test]
    fn what_is_mapped_above_it_and_in_the_lower_half_does_not_matter() {
        let memory = memory(4, 0xffff_8880_4000_0000, 0x4000_0000, 3);
        // Entries of the root: one for each half, which lead nowhere in this memory.
        for number in [0, 255, 300, 511] {
            memory.write_word(Physical(page(0) + 8 * number), 0xfee0_0000 | PRESENT);
        }
        assert_eq!(find(&memory).unwrap().address(Physical(0)), Virtual(0xffff_8880_0000_0000));
    }

    #[test]
    fn the_first_megabyte_mapped_by_small_pages_shows_it_too() {
        let memory = memory(4, 0xffff_8880_4000_0000, 0x4000_0000, 3);
        for (table, number, entry) in [(1, 0, page(3)), (3, 0, page(4)), (4, 16, 0x1_0000)] {
            memory.write_word(Physical(page(table) + 8 * number), entry | PRESENT);
        }
        assert_eq!(find(&memory).unwrap().address(Physical(0)), Virtual(0xffff_8880_0000_0000));
    }

    #[test]
    fn tables_of_another_shape_are_refused() {
        let refusal = |memory: &FakeMemory| find(memory).unwrap_err().to_string();
        let uneven = memory(4, 0xffff_8880_0020_0000, 0x4000_0000, 2);
        assert_eq!(
            refusal(&uneven),
            "its first page, 0xffff888000200000, is mapped to 0x40000000, which is no direct map"
        );
        let elsewhere = memory(4, 0xffff_8880_0000_0000, 0, 3);
        assert_eq!(refusal(&elsewhere), "0xffff888040207000 is mapped to nothing, by its page table of level 3");
        let empty = memory(4, 0x1000, MEMORY, 1);
        assert_eq!(refusal(&empty), "0xffff000000000000 is mapped to nothing, by its page table of level 4");
    }

    #[test]
    fn a_map_that_has_another_page_in_the_place_of_the_note_is_refused() {
        let memory = memory(4, 0xffff_8880_0000_0000, 0, 3);
        memory.write_word(Physical(page(1) + 8), 0x8000_0000 | PRESENT | LARGE);
        assert_eq!(
            find(&memory).unwrap_err().to_string(),
            "its direct map would begin at 0xffff888000000000, and has 0x80207000 for 0x40207000"
        );
    }
}
