//! The window's file: a memfd that every partition maps, with a bell for each.
//!
//! It is sealed against growing and shrinking: a process that maps a file which another one shortens dies of a bus
//! error. No seal forbids to punch holes (fallocate(2)) into a file that may be written. A page that was punched out is
//! one of zeros at the next access, as if zeros had been written, which everybody may do. That holds for a memfd of
//! ordinary pages, whose memory only the whole system's end can refuse; one of huge pages could have none left, which
//! would be a bus error too. So a file from elsewhere is held against all of this before it is used.

// The file is mapped here, and nowhere else.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use rustix::fs::{
    FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstat, fstatfs, ftruncate,
};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use shmem::{Geometry, GeometryError, Shape, Window, control_len};

use crate::bell::Bell;

/// Bytes of each partition's transmit pool, unless one asks for another length. A lane that is alone owns half of it, as much
/// as it may. All of it is taken from the system at once.
pub const DEFAULT_POOL_LEN: u64 = 4 << 20;
/// Most bytes of a box's name.
pub const MAX_NAME: usize = 255;

const PAGE: u64 = 4096;
/// The file system of memfds of ordinary pages (statfs(2)).
const TMPFS: u32 = 0x0102_1994;
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// It would have no name, or one that is too long.
    #[error("a box's name has 1 to {MAX_NAME} bytes, and this one has {0}")]
    Name(usize),
    /// It cannot hold what it must.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// The kernel has no memory for it.
    #[error("cannot make a window of {len} bytes: {why}")]
    Make {
        /// Its bytes.
        len: u64,
        /// What the kernel said.
        why: io::Error,
    },
    /// It is there and cannot be mapped.
    #[error("cannot map a window of {len} bytes: {why}")]
    Map {
        /// Its bytes.
        len: u64,
        /// What the kernel said.
        why: io::Error,
    },
    /// Another process could shorten it while it is mapped.
    #[error("the window's file is not sealed against being cut (seals {found:#x}, needed {needed:#x}): refused")]
    Unsealed {
        /// The seals that it has.
        found: u32,
        /// Those that it needs.
        needed: u32,
    },
    /// A hole that is punched into it could not be filled again.
    #[error("the window's file is not one of ordinary pages (its file system has type {0:#x}): refused")]
    Pages(u32),
    /// It is not what was announced.
    #[error("the window's file has {found} bytes, and {announced} were announced")]
    Length {
        /// Bytes of the file.
        found: u64,
        /// Bytes that were announced.
        announced: u64,
    },
    /// There is not one doorbell for each partition.
    #[error("the window came with {found} doorbells for {partitions} partitions")]
    Doorbells {
        /// Doorbells that came.
        found: usize,
        /// Partitions that it has.
        partitions: usize,
    },
    /// What came as a doorbell could make us wait for ever.
    #[error("what came as the doorbell of partition {0} is no message queue for one message of one byte: refused")]
    NoBell(usize),
    /// The kernel has no message queue for a doorbell.
    #[error("cannot make a doorbell: {0} (`ulimit -q` and the sysctl fs.mqueue.queues_max limit message queues)")]
    MakeBell(io::Error),
}

/// A window that is mapped, with the doorbells of all partitions. Having one means that nobody can shorten it, and that
/// it is long enough for its shape. Copies refer to the same one, which stays until the last is gone.
#[derive(Clone, Debug)]
pub struct WindowFile(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    mapping: Mapping,
    memory: OwnedFd,
    bells: Vec<Bell>,
    geometry: Geometry,
    box_name: String,
}

impl WindowFile {
    /// Bytes of a window of that shape in which each partition's pool has [`DEFAULT_POOL_LEN`].
    pub fn default_len(shape: Shape) -> u64 {
        control_len(shape) + shape.partitions() as u64 * DEFAULT_POOL_LEN
    }

    /// Makes a window of `len` bytes, rounded up to pages, all zero: an idle one.
    ///
    /// # Errors
    /// [`WindowError`].
    pub fn create(shape: Shape, len: u64, box_name: &str) -> Result<Self, WindowError> {
        Geometry::new(len, shape)?;
        let len = len.next_multiple_of(PAGE);
        let made = || -> rustix::io::Result<_> {
            let memory = rustix::fs::memfd_create("sprig-window", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
            ftruncate(&memory, len)?;
            // Taken now: a page that is missing later would be a bus error.
            fallocate(&memory, FallocateFlags::empty(), 0, len)?;
            fcntl_add_seals(&memory, SEALS)?;
            Ok(memory)
        };
        let memory = made().map_err(|why| WindowError::Make { len, why: why.into() })?;
        let bells = (0..shape.partitions()).map(|_| Bell::new()).collect::<io::Result<_>>();
        Self::with_bells(memory, bells.map_err(WindowError::MakeBell)?, shape, len, box_name)
    }

    /// A window that another process has made, of `len` bytes; `doorbells` in the order of the partitions. Every file is
    /// held against what it must be.
    ///
    /// # Errors
    /// [`WindowError`], if it is not what it is said to be.
    pub fn from_files(
        memory: OwnedFd,
        doorbells: Vec<OwnedFd>,
        shape: Shape,
        len: u64,
        box_name: &str,
    ) -> Result<Self, WindowError> {
        if doorbells.len() != shape.partitions() {
            return Err(WindowError::Doorbells { found: doorbells.len(), partitions: shape.partitions() });
        }
        let bells = doorbells.into_iter().enumerate();
        let bells = bells.map(|(index, file)| Bell::try_from_file(file).map_err(|_| WindowError::NoBell(index)));
        Self::with_bells(memory, bells.collect::<Result<_, _>>()?, shape, len, box_name)
    }

    fn with_bells(
        memory: OwnedFd,
        bells: Vec<Bell>,
        shape: Shape,
        len: u64,
        box_name: &str,
    ) -> Result<Self, WindowError> {
        if !(1..=MAX_NAME).contains(&box_name.len()) {
            return Err(WindowError::Name(box_name.len()));
        }
        let geometry = Geometry::new(len, shape)?;
        check_memory(&memory, len)?;
        let mapping = Mapping::of(&memory, len as usize).map_err(|why| WindowError::Map { len, why })?;
        Ok(Self(Arc::new(Shared { mapping, memory, bells, geometry, box_name: box_name.to_owned() })))
    }

    /// How many partitions and queues it is for.
    pub fn shape(&self) -> Shape {
        self.0.geometry.shape()
    }

    /// Its bytes.
    pub fn len(&self) -> u64 {
        self.0.mapping.len as u64
    }

    /// False: a window holds at least its headers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of the box, of which its addresses are made.
    pub fn box_name(&self) -> &str {
        &self.0.box_name
    }

    /// The file, to be handed to another process together with the doorbells.
    pub fn memory(&self) -> BorrowedFd<'_> {
        self.0.memory.as_fd()
    }

    /// The file of each partition's doorbell, in their order.
    pub fn doorbells(&self) -> impl ExactSizeIterator<Item = BorrowedFd<'_>> {
        self.0.bells.iter().map(AsFd::as_fd)
    }

    /// What wakes the endpoint of a partition.
    pub fn bell(&self, partition: usize) -> Option<&Bell> {
        self.0.bells.get(partition)
    }

    /// The window in it.
    #[inline]
    pub fn window(&self) -> Window<'_> {
        // SAFETY: mapped at a page, for reading and writing, for as long as `self` is borrowed; of the length that the
        // geometry is of. It is sealed and of ordinary pages, so that every address of it can be accessed, though a
        // page that was punched out is another one then. All that this crate does with it goes through `Window`.
        unsafe { Window::of_geometry(self.0.mapping.start, self.0.geometry) }
    }
}

/// Refuses a file that somebody could shorten, that is not of ordinary pages, or that has another length.
fn check_memory(memory: &OwnedFd, len: u64) -> Result<(), WindowError> {
    // The seals first: without them the length could change after it was checked.
    let seals = fcntl_get_seals(memory).unwrap_or(SealFlags::empty());
    if !seals.contains(SEALS) || seals.intersects(SealFlags::WRITE | SealFlags::FUTURE_WRITE) {
        return Err(WindowError::Unsealed { found: seals.bits(), needed: SEALS.bits() });
    }
    let failed = |why: rustix::io::Errno| WindowError::Map { len, why: why.into() };
    let file_system = fstatfs(memory).map_err(failed)?.f_type as u32;
    if file_system != TMPFS {
        return Err(WindowError::Pages(file_system));
    }
    let found = fstat(memory).map_err(failed)?.st_size as u64;
    if found != len { Err(WindowError::Length { found, announced: len }) } else { Ok(()) }
}

/// A file in memory.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: an address and a length. What is done with them goes through `Window`, which may be shared.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn of(file: &OwnedFd, len: usize) -> io::Result<Self> {
        // Populated, so that no frame pays for a page that is seen for the first time.
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: a new mapping, at an address that the kernel chooses.
        let start = unsafe { mmap(ptr::null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, flags, file, 0) }?;
        NonNull::new(start.cast()).map(|start| Self { start, len }).ok_or_else(|| io::Error::other("mapped nowhere"))
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `of` with this length. Whoever has a `Window` of it has borrowed the `WindowFile`, or, in a
        // `EndpointParts`, keeps a copy of it.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
        debug_assert!(unmapped.is_ok(), "{unmapped:?}");
    }
}
