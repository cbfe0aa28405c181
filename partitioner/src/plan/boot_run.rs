//! How a partition's first run of memory is divided: tables, kernel, initial file system.
//!
//! ```text
//! start                                                                  end
//! │ tables │ … │ kernel (init_size) │ …                    │ initrd      │
//!          2 MiB, or where the kernel wants to be          page aligned
//! ```

use crate::address::{LARGE_PAGE, MemoryRange, PAGE};
use crate::bzimage::BzImage;
use crate::layout::{KERNEL_LOWEST_LOAD, TABLES_LEN};

/// What the first run must hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contents<'a> {
    pub(crate) kernel: &'a BzImage,
    /// Bytes of the initial file system, 0 if there is none.
    pub(crate) initrd_len: u64,
    /// Bytes of its unpacked files, as far as its headers say it; else 0.
    pub(crate) unpacked_len: u64,
}

/// Where in the first run everything lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BootRun {
    pub(crate) tables: MemoryRange,
    pub(crate) kernel: MemoryRange,
    pub(crate) initrd: Option<MemoryRange>,
}

impl Contents<'_> {
    /// Bytes for tables and kernel alone, at the best of starts; `None` if no machine has so many.
    pub(super) fn least_for_kernel(&self) -> Option<u64> {
        LARGE_PAGE.checked_add(self.kernel.init_size)
    }

    /// Bytes for everything, at the best of starts.
    pub(super) fn least(&self) -> Option<u64> {
        self.least_for_kernel()?.checked_next_multiple_of(PAGE)?.checked_add(self.initrd_pages()?)
    }

    /// Bytes that the kernel, the initial file system and its unpacked files take together while they are unpacked.
    pub(crate) fn least_unpacked(&self) -> u64 {
        // What the kernel needs beyond its running size is free again before it unpacks anything.
        let kernel = self.kernel.init_size.saturating_sub(self.kernel.payload.len() as u64);
        kernel.saturating_add(self.initrd_len).saturating_add(self.unpacked_len)
    }

    /// Everything in its place in `run`; `None` if it does not fit.
    pub(crate) fn lay_out(&self, run: MemoryRange) -> Option<BootRun> {
        let tables = MemoryRange::with_len(run.start(), TABLES_LEN)?;
        let kernel = MemoryRange::with_len(self.kernel_address(run.start())?, self.kernel.init_size)?;
        let initrd_start = run.end().checked_sub(self.initrd_pages()?)?;
        let fits = run.contains(tables) && kernel.end() <= initrd_start;
        let initrd = MemoryRange::with_len(initrd_start, self.initrd_len);
        fits.then_some(BootRun { tables, kernel, initrd })
    }

    /// The lowest run of `len` bytes inside `free` that holds everything.
    pub(super) fn lowest_run(&self, free: MemoryRange, len: u64) -> Option<MemoryRange> {
        let starts = [Some(free.start()), self.best_start(free.start())];
        starts.into_iter().flatten().find_map(|start| {
            let run = MemoryRange::with_len(start, len).filter(|run| free.contains(*run))?;
            self.lay_out(run).map(|_| run)
        })
    }

    /// Like [`Contents::lowest_run`], but as long as `free` allows, up to `len`.
    pub(super) fn lowest_part(&self, free: MemoryRange, len: u64) -> Option<MemoryRange> {
        let starts = [Some(free.start()), self.best_start(free.start())];
        starts.into_iter().flatten().find_map(|start| {
            let run = MemoryRange::with_len(start, len.min(free.end().checked_sub(start)?))?;
            self.lay_out(run).map(|_| run)
        })
    }

    /// Bytes of `free` from the best of starts on.
    pub(super) fn room_in(&self, free: MemoryRange) -> u64 {
        self.best_start(free.start()).map_or(0, |start| free.end().saturating_sub(start))
    }

    /// The lowest address at which the kernel can lie.
    pub(super) fn lowest_kernel(&self) -> u64 {
        KERNEL_LOWEST_LOAD.max(self.kernel.preferred_address)
    }

    /// The next start from which the kernel lies right behind the tables: below 16 MiB there is a gap between the two.
    fn best_start(&self, start: u64) -> Option<u64> {
        let start = self.kernel_address(start)?.checked_sub(LARGE_PAGE)?;
        Some(start - start % LARGE_PAGE)
    }

    fn kernel_address(&self, start: u64) -> Option<u64> {
        start.checked_add(LARGE_PAGE)?.max(self.lowest_kernel()).checked_next_multiple_of(self.kernel.alignment)
    }

    fn initrd_pages(&self) -> Option<u64> {
        self.initrd_len.checked_next_multiple_of(PAGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::MIB;
    use crate::bzimage::tests::FakeKernel;

    fn kernel(init_size: u64) -> BzImage {
        let mut kernel = BzImage::parse(&FakeKernel::default().image()).unwrap();
        kernel.init_size = init_size;
        kernel
    }

    fn mib(start: u64, end: u64) -> MemoryRange {
        MemoryRange::new(start * MIB, end * MIB).unwrap()
    }

    #[test]
    fn the_kernel_lies_behind_the_tables_and_the_file_system_at_the_end() {
        let kernel = kernel(40 * MIB);
        let contents = Contents { kernel: &kernel, initrd_len: 5000, unpacked_len: 0 };
        let first = contents.lay_out(mib(64, 128)).unwrap();
        assert_eq!(first.tables, MemoryRange::with_len(64 * MIB, TABLES_LEN).unwrap());
        assert_eq!(first.kernel, mib(66, 106));
        assert_eq!(first.initrd, MemoryRange::with_len(128 * MIB - 2 * PAGE, 5000));
    }

    #[test]
    fn no_kernel_lies_below_the_address_at_which_it_runs() {
        let kernel = kernel(40 * MIB);
        let contents = Contents { kernel: &kernel, initrd_len: 0, unpacked_len: 0 };
        assert_eq!(contents.lay_out(mib(4, 60)).unwrap().kernel, mib(16, 56));
        assert_eq!(contents.lay_out(mib(4, 54)), None);
    }

    #[test]
    fn a_small_partition_starts_where_nothing_is_lost() {
        let kernel = kernel(40 * MIB);
        let contents = Contents { kernel: &kernel, initrd_len: 0, unpacked_len: 0 };
        assert_eq!(contents.lowest_run(mib(4, 100), 42 * MIB), Some(mib(14, 56)));
        assert_eq!(contents.lowest_run(mib(4, 100), 52 * MIB), Some(mib(4, 56)));
        assert_eq!(contents.lowest_run(mib(4, 50), 42 * MIB), None);
        assert_eq!((contents.room_in(mib(4, 50)), contents.room_in(mib(4, 8))), (36 * MIB, 0));
    }

    #[test]
    fn the_kernel_keeps_its_alignment() {
        let mut kernel = kernel(40 * MIB);
        kernel.alignment = 16 * MIB;
        let contents = Contents { kernel: &kernel, initrd_len: 0, unpacked_len: 0 };
        assert_eq!(contents.lay_out(mib(64, 128)).unwrap().kernel, mib(80, 120));
        assert_eq!(contents.lowest_run(mib(64, 128), 42 * MIB), Some(mib(78, 120)));
    }

    #[test]
    fn absurd_headers_fit_nowhere() {
        let mut kernel = kernel(u64::MAX);
        let contents = Contents { kernel: &kernel, initrd_len: u64::MAX, unpacked_len: 0 };
        assert_eq!((contents.least(), contents.lay_out(mib(4, 100))), (None, None));
        kernel.preferred_address = u64::MAX;
        let contents = Contents { kernel: &kernel, initrd_len: 0, unpacked_len: 0 };
        assert_eq!(contents.lowest_part(mib(4, 100), MIB), None);
    }
}
