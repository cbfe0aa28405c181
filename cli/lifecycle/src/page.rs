//! The control page, mapped out of a file: the driver's device, or the memory of an emulated machine.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ptr::{self, NonNull};

use control::ControlPage;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// The control page, mapped while this value lives.
#[derive(Debug)]
pub struct MappedPage(NonNull<c_void>);

// SAFETY: memory that is mapped for the whole process, which only atomics access.
#[expect(unsafe_code, reason = "a mapping belongs to the process and not to a thread")]
unsafe impl Send for MappedPage {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "a mapping belongs to the process and not to a thread")]
unsafe impl Sync for MappedPage {}

impl MappedPage {
    const LEN: usize = size_of::<ControlPage>();

    /// Maps it for reading, at that place of the file. Stores to it fault, and so do loads that are more than relaxed
    /// where a processor makes them writes: [`crate::snapshot`] has none.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn to_read(file: &File, at: u64) -> io::Result<Self> {
        Self::map(file, at, ProtFlags::READ)
    }

    /// Maps it for reading and writing.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn to_write(file: &File, at: u64) -> io::Result<Self> {
        Self::map(file, at, ProtFlags::READ | ProtFlags::WRITE)
    }

    #[expect(unsafe_code, reason = "memory is mapped")]
    fn map(file: &File, at: u64, access: ProtFlags) -> io::Result<Self> {
        // SAFETY: the kernel chooses an address where nothing is.
        let start = unsafe { mmap(ptr::null_mut(), Self::LEN, access, MapFlags::SHARED, file, at) }?;
        NonNull::new(start).map(Self).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    /// The page.
    #[expect(unsafe_code, reason = "mapped memory is used as the page that it is")]
    pub fn get(&self) -> &ControlPage {
        // SAFETY: so many bytes are mapped from here on, aligned to a page, for as long as `self` lives. All of a
        // `ControlPage` are atomics, for which any bytes are valid, and to which others may write at any time.
        unsafe { self.0.cast::<ControlPage>().as_ref() }
    }
}

impl Drop for MappedPage {
    #[expect(unsafe_code, reason = "memory is unmapped")]
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and references into it live no longer than `self`.
        let _ = unsafe { munmap(self.0.as_ptr(), Self::LEN) };
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use control::{Cause, Command, LEN, MAGIC, Order, State, Status, VERSION};

    use super::*;
    use crate::snapshot::{PageError, Snapshot, Ticks, Words};

    const HEADER: u64 = 0;
    const SECOND_PARTITION: u64 = 0x1000 + 256;
    const CORES: u64 = 0x3000;

    /// A file with the page of a box of two partitions. The second one has two cores, and the first has asked it to stop.
    fn page() -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(LEN).unwrap();
        let write = |at: u64, bytes: &[u8]| file.write_all_at(bytes, at).unwrap();
        write(HEADER, &[MAGIC, VERSION, 2].map(u32::to_le_bytes).concat());
        write(HEADER + 40, &2_000_000_u64.to_le_bytes());
        let stop = Order { sequence: 2, command: Command::Stop }.word();
        let start = Order { sequence: 1, command: Command::Enter }.word();
        let status = Status { state: State::Running, cause: Cause::Asked }.word();
        write(SECOND_PARTITION, &[stop, start, status, 77, 5].map(u64::to_le_bytes).concat());
        write(SECOND_PARTITION + 60, &1_u32.to_le_bytes());
        for core in [3, 200] {
            write(CORES + 16 * core + 8, &2_u32.to_le_bytes());
        }
        file
    }

    fn read(file: &File, partitions: usize) -> Result<Snapshot, PageError> {
        Snapshot::read(MappedPage::to_read(file, 0).unwrap().get(), partitions, Ticks(100))
    }

    #[test]
    fn the_page_is_read_as_it_lies_in_memory() {
        let snapshot = read(&page(), 2).unwrap();
        assert_eq!((snapshot.now, snapshot.tsc_khz, snapshot.partitions.len()), (Ticks(100), 2_000_000, 2));
        let expected = Words {
            status: Status { state: State::Running, cause: Cause::Asked },
            since: Ticks(77),
            starts: 5,
            wanted: Order { sequence: 2, command: Command::Stop },
            done: Order { sequence: 1, command: Command::Enter },
            asker: Some(0),
            is_by_policy: false,
            is_by_host: false,
            first_list: (0, 0),
            cores: 2,
            lease: None,
            registers: 0,
        };
        assert_eq!(snapshot.partitions[1], expected);
    }

    #[test]
    fn a_page_of_another_kind_is_refused() {
        let file = page();
        assert_eq!(read(&file, 3), Err(PageError::Partitions { page: 2, table: 3 }));
        file.write_all_at(&9_u32.to_le_bytes(), 4).unwrap();
        assert_eq!(read(&file, 2), Err(PageError::Version(9)));
        file.write_all_at(&[0; 4], 0).unwrap();
        assert_eq!(read(&file, 2), Err(PageError::Magic(0)));
    }
}
