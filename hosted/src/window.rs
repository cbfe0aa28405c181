//! The window's file: a memfd that every partition maps, with an eventfd for each.
//!
//! It is sealed against growing and shrinking: a process that maps a file which another one shortens dies of a bus
//! error. A file from elsewhere is checked before it is used.

// The file is mapped here, and nowhere else.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{
    FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate,
};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use shmem::{Geometry, GeometryError, Shape, Window, control_len};

/// Bytes of each partition's transmit pool, unless one asks for another length: small enough for a second-level cache.
pub const DEFAULT_POOL_LEN: u64 = 2 << 20;
/// Most bytes of a box's name.
pub const MAX_NAME: usize = 255;

const PAGE: u64 = 4096;
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
}

/// A window that is mapped, with the doorbells of all partitions. Having one means that nobody can shorten it, and that
/// it is long enough for its shape. Copies refer to the same one, which stays until the last is gone.
#[derive(Clone, Debug)]
pub struct WindowFile(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    mapping: Mapping,
    memory: OwnedFd,
    doorbells: Vec<OwnedFd>,
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
            let doorbell = |_| eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
            Ok((memory, (0..shape.partitions()).map(doorbell).collect::<Result<_, _>>()?))
        };
        let (memory, doorbells) = made().map_err(|why| WindowError::Make { len, why: why.into() })?;
        Self::from_files(memory, doorbells, shape, len, box_name)
    }

    /// A window that another process has made, of `len` bytes; `doorbells` in the order of the partitions.
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
        if !(1..=MAX_NAME).contains(&box_name.len()) {
            return Err(WindowError::Name(box_name.len()));
        }
        let geometry = Geometry::new(len, shape)?;
        if doorbells.len() != shape.partitions() {
            return Err(WindowError::Doorbells { found: doorbells.len(), partitions: shape.partitions() });
        }
        // The seals first: without them the length could change after it was checked.
        let seals = fcntl_get_seals(&memory).unwrap_or(SealFlags::empty());
        if !seals.contains(SEALS) || seals.intersects(SealFlags::WRITE | SealFlags::FUTURE_WRITE) {
            return Err(WindowError::Unsealed { found: seals.bits(), needed: SEALS.bits() });
        }
        let status = fstat(&memory).map_err(|why| WindowError::Map { len, why: why.into() })?;
        if status.st_size as u64 != len {
            return Err(WindowError::Length { found: status.st_size as u64, announced: len });
        }
        let mapping = Mapping::of(&memory, len as usize).map_err(|why| WindowError::Map { len, why })?;
        Ok(Self(Arc::new(Shared { mapping, memory, doorbells, geometry, box_name: box_name.to_owned() })))
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

    /// The eventfd of each partition, in their order.
    pub fn doorbells(&self) -> impl ExactSizeIterator<Item = BorrowedFd<'_>> {
        self.0.doorbells.iter().map(AsFd::as_fd)
    }

    /// The eventfd of one partition.
    pub(crate) fn doorbell(&self, partition: usize) -> Option<BorrowedFd<'_>> {
        self.0.doorbells.get(partition).map(AsFd::as_fd)
    }

    /// The window in it.
    #[inline]
    pub fn window(&self) -> Window<'_> {
        // SAFETY: mapped at a page, for reading and writing, for as long as `self` is borrowed; sealed, so that every
        // page of it stays; of the length that the geometry is of. All that this crate does with it goes through
        // `Window`.
        unsafe { Window::of_geometry(self.0.mapping.start, self.0.geometry) }
    }
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
