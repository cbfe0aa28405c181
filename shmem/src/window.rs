//! The window as it is mapped. Here, and nowhere else, an offset becomes a pointer.

#![expect(unsafe_code, reason = "the window is memory that others write to")]

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64};

use crate::geometry::{Geometry, GeometryError, Shape};
use crate::header::{self, Header};
use crate::pool::Pool;
use crate::ring::{self, Ring};

/// A mapped window. Having one means that it is there for as long as `'w` lasts, and long enough for its geometry.
#[derive(Clone, Copy)]
pub struct Window<'w> {
    start: NonNull<u8>,
    geometry: Geometry,
    memory: PhantomData<&'w [u8]>,
}

// SAFETY: a window is an address and a geometry; all it gives out are atomics and pools, which may be shared.
unsafe impl Send for Window<'_> {}
// SAFETY: as above.
unsafe impl Sync for Window<'_> {}

impl<'w> Window<'w> {
    /// The window of that shape in `len` bytes from `start`.
    ///
    /// # Errors
    /// As for [`Geometry::new`].
    ///
    /// # Safety
    /// `start` must be aligned to a page. The bytes must be mapped, readable and writable, for as long as `'w` lasts.
    /// Whatever else touches them, in this address space or another, must do so by atomic or volatile accesses.
    pub unsafe fn new(start: NonNull<u8>, len: u64, shape: Shape) -> Result<Self, GeometryError> {
        let geometry = Geometry::new(len, shape)?;
        Ok(Self { start, geometry, memory: PhantomData })
    }

    /// The window of that geometry from `start`.
    ///
    /// # Safety
    /// As for [`Window::new`], of as many bytes as the geometry was made for.
    #[inline]
    pub unsafe fn of_geometry(start: NonNull<u8>, geometry: Geometry) -> Self {
        Self { start, geometry, memory: PhantomData }
    }

    /// Where everything lies in it.
    #[inline]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The header page of a partition.
    #[inline]
    pub fn header(&self, partition: usize) -> Header<'w> {
        let at = self.geometry.header(partition);
        Header {
            magic: self.get(at + header::MAGIC_AT),
            version: self.get(at + header::VERSION_AT),
            fingerprint: self.get(at + header::FINGERPRINT_AT),
            heartbeat: self.get(at + header::HEARTBEAT_AT),
            links: self.get(at + header::LINKS_AT),
            doorbells: self.get(at + header::DOORBELLS_AT),
        }
    }

    /// The ring from one partition to another.
    pub fn ring(&self, producer: usize, queue: usize, consumer: usize) -> Ring<'w> {
        let producers = self.geometry.lane(producer, queue, consumer);
        let consumers = self.geometry.lane(consumer, queue, producer);
        Ring {
            room_at: self.get(producers + ring::ROOM_AT),
            descriptors: self.get(producers + ring::DESCRIPTORS_AT),
            consumed: self.get(consumers + ring::CONSUMED_AT),
            wake_at: self.get(consumers + ring::WAKE_AT),
        }
    }

    /// The transmit pool of a partition.
    pub fn pool(&self, partition: usize) -> Pool<'w> {
        let start = self.geometry.pool(partition);
        // SAFETY: the geometry keeps the whole pool inside the window, and what having a window means holds for it.
        unsafe { Pool::new(self.start.add(start as usize), self.geometry.pool_len()) }
    }

    /// What lies at an offset that the geometry has given.
    fn get<T: Shared>(&self, offset: u64) -> &'w T {
        // SAFETY: the geometry's offsets lie inside the window with all that the layout puts there, and are aligned to
        // 8 bytes (16 for descriptors, 128 for doorbells), since parts are to 128 and the window to a page. `Shared`
        // types are made of atomics only, for which any bytes are a valid value, so others may change them under the
        // reference.
        unsafe { self.start.add(offset as usize).cast::<T>().as_ref() }
    }
}

/// What may be seen through a reference into the window.
///
/// # Safety
/// Made of atomics only, aligned to at most 128 bytes.
unsafe trait Shared {}

// SAFETY: an atomic.
unsafe impl Shared for AtomicU32 {}
// SAFETY: an atomic.
unsafe impl Shared for AtomicU64 {}
// SAFETY: made of atomics, aligned to 16 bytes.
unsafe impl Shared for ring::Descriptor {}
// SAFETY: made of atomics, aligned to 128 bytes.
unsafe impl Shared for header::Doorbell {}
// SAFETY: as its elements.
unsafe impl<T: Shared, const N: usize> Shared for [T; N] {}
