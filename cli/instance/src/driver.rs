//! `/dev/sprig`, by which the driver takes orders for other partitions, and shows the control page.

use std::arch::x86_64::_rdtsc;
use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::ptr::{self, NonNull};

use control::ControlPage;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::snapshot::{PageError, Snapshot, Ticks};

/// The device file.
pub(crate) const DEVICE: &str = "/dev/sprig";

/// Why the driver is not reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DriverError {
    /// There is no device file.
    #[error(
        "there is no {DEVICE}: load the driver with `modprobe sprig_vni`; if it is loaded, `dmesg | grep sprig_vni` says what it \
         lacks"
    )]
    Missing,
    /// This is not root.
    #[error("only root may open {DEVICE}: run this as root")]
    Denied,
    /// The device cannot be opened.
    #[error("cannot open {DEVICE}: {0}")]
    Open(io::Error),
    /// The control page cannot be mapped.
    #[error("cannot map the control page by {DEVICE}: {0}")]
    Map(io::Error),
    /// The control page is not one that this program knows.
    #[error(transparent)]
    Page(#[from] PageError),
}

/// What the device is opened for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// To look at the control page.
    Look,
    /// To look at it, and to give orders.
    Order,
}

/// The opened device.
pub(crate) struct Driver {
    file: File,
    page: MappedPage,
    /// The number of partitions of the box.
    partitions: usize,
}

impl Driver {
    /// Opens the device, in a box of so many partitions.
    pub(crate) fn open(access: Access, partitions: usize) -> Result<Self, DriverError> {
        let opened = OpenOptions::new().read(true).write(access == Access::Order).open(DEVICE);
        let file = opened.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => DriverError::Missing,
            io::ErrorKind::PermissionDenied => DriverError::Denied,
            _ => DriverError::Open(error),
        })?;
        let page = MappedPage::new(&file).map_err(DriverError::Map)?;
        Ok(Self { file, page, partitions })
    }

    /// What the control page says now.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, PageError> {
        Snapshot::read(self.page.get(), self.partitions, now())
    }

    /// Writes an order, such as `stop db`. Returns when the partition's cores have been fetched.
    pub(crate) fn order(&self, line: &str) -> io::Result<()> {
        (&self.file).write_all(line.as_bytes())
    }
}

/// The control page, mapped for reading while this value lives.
struct MappedPage(NonNull<c_void>);

impl MappedPage {
    const LEN: usize = size_of::<ControlPage>();

    #[expect(unsafe_code, reason = "memory is mapped")]
    fn new(file: &File) -> io::Result<Self> {
        // SAFETY: the kernel chooses an address where nothing is.
        let start = unsafe { mmap(ptr::null_mut(), Self::LEN, ProtFlags::READ, MapFlags::SHARED, file, 0) }?;
        NonNull::new(start).map(Self).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    #[expect(unsafe_code, reason = "mapped memory is used as the page that it is")]
    fn get(&self) -> &ControlPage {
        // SAFETY: so many bytes are mapped from here on, aligned to a page, for as long as `self` lives. All of a
        // `ControlPage` are atomics, for which any bytes are valid, and to which others may write at any time. This
        // program only loads from them ([`crate::snapshot`]), which memory that is mapped for reading allows.
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

/// Now, by the time-stamp counter.
#[expect(unsafe_code, reason = "the time-stamp counter is read")]
fn now() -> Ticks {
    // SAFETY: every x86-64 processor has the counter, and Linux lets programs read it.
    Ticks(unsafe { _rdtsc() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use control::{Cause, Command, LEN, MAGIC, Order, State, Status, VERSION};

    use super::*;
    use crate::snapshot::Words;

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
        Snapshot::read(MappedPage::new(file).unwrap().get(), partitions, Ticks(100))
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

    #[test]
    fn time_goes_on() {
        assert!(now() < now());
    }
}
