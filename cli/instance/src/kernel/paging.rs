//! Another kernel's virtual addresses, translated by that kernel's own page tables (Intel SDM, volume 3, section 5.5).
//!
//! The walk begins at `init_top_pgt`, which maps only the kernel's half of the address space; this half is the same in
//! every process. Tables and pages are read through [`Memory`], so the walk never leaves the partition.

use std::fmt;

use crate::kernel::memory::{Memory, MemoryError, PAGE, Physical};
use crate::kernel::note::{Note, NoteError};

/// The virtual address at which a kernel's image begins (`__START_KERNEL_map`); `phys_base` relates it to memory.
const IMAGE: u64 = 0xffff_ffff_8000_0000;
/// Bits of an address within a page, and those that choose an entry of each table.
const PAGE_BITS: u32 = 12;
const TABLE_BITS: u32 = 9;
/// Entries of a table.
const ENTRIES: u64 = 1 << TABLE_BITS;
/// Bits of an entry: the page or table is present, the entry is a large page, the physical address.
const PRESENT: u64 = 1 << 0;
const LARGE: u64 = 1 << 7;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/// The highest level whose entries can be pages: the largest page is 1 GiB.
const LARGEST_PAGE_LEVEL: u32 = 3;

/// A virtual address of that kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Virtual(pub(crate) u64);

/// The kernel's half of an address space.
pub(crate) struct AddressSpace<'m, M> {
    memory: &'m M,
    root: Physical,
    levels: u32,
}

/// What an entry of a table leads to.
enum Entry {
    /// To nothing.
    Nothing,
    /// To a table of the next lower level.
    Table(Physical),
    /// To a page.
    Page(Physical),
}

/// Why an address cannot be translated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PagingError {
    /// The note lacks what the tables are found by.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note contradicts itself.
    #[error("its page tables would begin at {0}, in the middle of a page")]
    Root(Physical),
    /// It is not in a kernel's half of the address space.
    #[error("{0} is no address of a kernel")]
    NotKernel(Virtual),
    /// The tables map no page there.
    #[error("{address} is mapped to nothing, by its page table of level {level}")]
    NotMapped {
        /// The address.
        address: Virtual,
        /// The level of the table, 1 for the lowest.
        level: u32,
    },
    /// A table, or the page, cannot be read.
    #[error("{address}: {error}")]
    Memory {
        /// The address.
        address: Virtual,
        /// Why not.
        error: MemoryError,
    },
}

impl<'m, M: Memory> AddressSpace<'m, M> {
    /// The address space of the kernel that has written the note.
    pub(crate) fn new(memory: &'m M, note: &Note) -> Result<Self, PagingError> {
        let tables = note.symbol("init_top_pgt")?;
        let base = note.signed("phys_base")?;
        let root = Physical(tables.wrapping_sub(IMAGE).wrapping_add_signed(base));
        if !root.0.is_multiple_of(PAGE) {
            return Err(PagingError::Root(root));
        }
        let levels = if note.signed("pgtable_l5_enabled")? == 0 { 4 } else { 5 };
        Ok(Self { memory, root, levels })
    }

    /// Reads the bytes from `at` on.
    pub(crate) fn read(&self, at: Virtual, into: &mut [u8]) -> Result<(), PagingError> {
        let mut done = 0;
        while done < into.len() {
            let address = Virtual(at.0.wrapping_add(done as u64));
            let (physical, rest) = self.translate(address)?;
            let len = (into.len() - done).min(usize::try_from(rest).unwrap_or(usize::MAX));
            self.memory
                .read(physical, &mut into[done..done + len])
                .map_err(|error| PagingError::Memory { address, error })?;
            done += len;
        }
        Ok(())
    }

    /// Reads a word of 8 bytes, at once if it is aligned.
    pub(crate) fn word(&self, at: Virtual) -> Result<u64, PagingError> {
        let mut word = [0; 8];
        self.read(at, &mut word)?;
        Ok(u64::from_le_bytes(word))
    }

    /// The physical address, and how many bytes follow it in its page.
    pub(crate) fn translate(&self, address: Virtual) -> Result<(Physical, u64), PagingError> {
        let unused = 64 - PAGE_BITS - self.levels * TABLE_BITS;
        // Kernels use the upper half: all bits that select no entry equal the highest bit that does.
        if (address.0.cast_signed() >> (63 - unused)) != -1 {
            return Err(PagingError::NotKernel(address));
        }
        let mut table = self.root;
        for level in (1..=self.levels).rev() {
            let number = address.0 >> shift(level) & (ENTRIES - 1);
            match self.entry(table, number, level, address)? {
                Entry::Nothing => return Err(PagingError::NotMapped { address, level }),
                Entry::Table(next) => table = next,
                Entry::Page(page) => {
                    let len = 1_u64 << shift(level);
                    let within = address.0 & (len - 1);
                    return Ok((Physical(page.0 + within), len - within));
                }
            }
        }
        Err(PagingError::NotMapped { address, level: 1 })
    }

    /// The lowest page of the kernel's half: its virtual address, and where it lies.
    ///
    /// Of each table only the first entry that leads somewhere is followed, so that tables which lead nowhere do not make
    /// the search long.
    pub(crate) fn first_page(&self) -> Result<(Virtual, Physical), PagingError> {
        let mut table = self.root;
        let mut address = Virtual(u64::MAX << shift(self.levels + 1));
        for level in (1..=self.levels).rev() {
            let is_root = level == self.levels;
            let mut numbers = if is_root { ENTRIES / 2..ENTRIES } else { 0..ENTRIES };
            let found = numbers.find_map(|number| match self.entry(table, number, level, address) {
                Ok(Entry::Nothing) => None,
                entry => Some(entry.map(|entry| (number, entry))),
            });
            let (number, entry) = found.ok_or(PagingError::NotMapped { address, level })??;
            address = address.plus(number << shift(level));
            match entry {
                Entry::Page(page) => return Ok((address, page)),
                Entry::Table(next) => table = next,
                Entry::Nothing => break,
            }
        }
        Err(PagingError::NotMapped { address, level: 1 })
    }

    /// The entry with that number of a table of that level, on the way to an address.
    fn entry(&self, table: Physical, number: u64, level: u32, address: Virtual) -> Result<Entry, PagingError> {
        let mut word = [0; 8];
        let at = Physical(table.0 + 8 * number);
        self.memory.read(at, &mut word).map_err(|error| PagingError::Memory { address, error })?;
        Ok(Entry::new(u64::from_le_bytes(word), level))
    }
}

impl Entry {
    /// From an entry of a table of that level.
    fn new(word: u64, level: u32) -> Self {
        let is_page = level == 1 || word & LARGE != 0;
        if word & PRESENT == 0 || is_page && level > LARGEST_PAGE_LEVEL {
            Self::Nothing
        } else if is_page {
            Self::Page(Physical(word & ADDRESS & (u64::MAX << shift(level))))
        } else {
            Self::Table(Physical(word & ADDRESS))
        }
    }
}

/// The lowest bit of an address that chooses an entry of a table of that level.
const fn shift(level: u32) -> u32 {
    PAGE_BITS + (level - 1) * TABLE_BITS
}

impl Virtual {
    /// The address so many bytes further on.
    pub(crate) fn plus(self, bytes: u64) -> Virtual {
        Virtual(self.0.wrapping_add(bytes))
    }
}

impl fmt::Display for Virtual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fake::FakeMemory;

    const BASE: u64 = 0x4000_0000;
    const PAGES: usize = 8;

    /// Tables lie in the first pages; the root is where the image begins.
    fn space(memory: &FakeMemory, levels: u32) -> AddressSpace<'_, FakeMemory> {
        let text = format!(
            "OSRELEASE=\nSYMBOL(init_top_pgt)={IMAGE:x}\nNUMBER(phys_base)={BASE}\nNUMBER(pgtable_l5_enabled)={}\n",
            levels - 4
        );
        memory.write(page(7), text.as_bytes());
        AddressSpace::new(memory, &Note::read(memory, page(7)).unwrap()).unwrap()
    }

    fn memory() -> FakeMemory {
        FakeMemory::new(Physical(BASE), PAGES * PAGE as usize)
    }

    fn page(number: u64) -> Physical {
        Physical(BASE + number * PAGE)
    }

    /// Puts an entry that points to page `to` into the table in page `table`.
    fn link(memory: &FakeMemory, table: u64, number: u64, to: u64, bits: u64) {
        memory.write_word(Physical(page(table).0 + 8 * number), page(to).0 | bits);
    }

    fn refusal(space: &AddressSpace<'_, FakeMemory>, address: u64) -> String {
        space.read(Virtual(address), &mut [0; 8]).unwrap_err().to_string()
    }

    #[test]
    fn small_pages_are_found_through_four_levels_and_through_five() {
        let memory = memory();
        (0..4).for_each(|level| link(&memory, level, 511, level + 1, PRESENT));
        memory.write_word(Physical(page(4).0 + 0x18), 0x1234);
        let address = Virtual(0xffff_ffff_ffff_f018);
        assert_eq!(space(&memory, 4).word(address).unwrap(), 0x1234);
        link(&memory, 4, 511, 5, PRESENT);
        memory.write_word(Physical(page(5).0 + 0x18), 0x5678);
        assert_eq!(space(&memory, 5).word(address).unwrap(), 0x5678);
    }

    #[test]
    fn large_pages_end_the_walk_and_their_flags_are_no_address() {
        for (level, bits) in [(3_u64, 0x1000), (2, 0x1000)] {
            let memory = memory();
            (0..4 - level).for_each(|table| link(&memory, table, 511, table + 1, PRESENT));
            link(&memory, 4 - level, 511, 0, PRESENT | LARGE | bits);
            memory.write_word(Physical(page(6).0 + 8), 0x77);
            let start = 0_u64.wrapping_sub(1 << (12 + 9 * (level - 1)));
            assert_eq!(space(&memory, 4).word(Virtual(start + 6 * PAGE + 8)).unwrap(), 0x77, "level {level}");
            // The page goes on, the partition's memory does not.
            let error = refusal(&space(&memory, 4), start + PAGES as u64 * PAGE);
            assert!(error.ends_with("0x40008000 is not the partition's memory"), "{error}");
        }
    }

    #[test]
    fn a_page_of_512_gib_is_refused() {
        let memory = memory();
        link(&memory, 0, 511, 1, PRESENT | LARGE);
        let error = refusal(&space(&memory, 4), u64::MAX - 15);
        assert_eq!(error, "0xfffffffffffffff0 is mapped to nothing, by its page table of level 4");
    }

    #[test]
    fn tables_outside_the_partition_are_not_followed() {
        let memory = memory();
        memory.write_word(Physical(page(0).0 + 8 * 511), 0xfee0_0000 | PRESENT);
        let error = refusal(&space(&memory, 4), u64::MAX - 7);
        assert_eq!(error, "0xfffffffffffffff8: 0xfee00ff8 is not the partition's memory");
    }

    #[test]
    fn addresses_that_no_kernel_has_are_refused() {
        let memory = memory();
        for (levels, address) in [(4, 0x1000), (4, 0xffff_7fff_ffff_fff8), (5, 0xfeff_ffff_ffff_fff8)] {
            assert!(refusal(&space(&memory, levels), address).ends_with("is no address of a kernel"));
        }
        // With five levels this is one.
        assert!(refusal(&space(&memory, 5), 0xffff_7fff_ffff_fff8).contains("mapped to nothing"));
    }

    #[test]
    fn tables_that_would_begin_within_a_page_are_refused() {
        let memory = memory();
        let text = "OSRELEASE=\nSYMBOL(init_top_pgt)=ffffffff80000000\nNUMBER(phys_base)=-8\n";
        memory.write(page(7), text.as_bytes());
        let error = AddressSpace::new(&memory, &Note::read(&memory, page(7)).unwrap()).err().unwrap();
        assert!(matches!(error, PagingError::Root(Physical(0xffff_ffff_ffff_fff8))), "{error}");
    }
}
