//! A window in ordinary memory: for tests, and for threads of one process that play the partitions of a box.

#![expect(unsafe_code, reason = "the window is memory that others write to")]

use core::ptr::NonNull;
use core::sync::atomic::AtomicU64;
use std::boxed::Box;

use crate::geometry::{Geometry, GeometryError, Shape};
use crate::window::Window;

/// A page of atomics, so that the window's memory is one that others may change.
#[repr(C, align(4096))]
struct Page([AtomicU64; 512]);

/// Memory of a window, all zero at first.
pub struct HeapWindow {
    pages: Box<[Page]>,
    shape: Shape,
}

impl HeapWindow {
    /// At least `len` bytes for a window of that shape.
    ///
    /// # Errors
    /// As for [`Geometry::new`].
    pub fn new(len: u64, shape: Shape) -> Result<Self, GeometryError> {
        Geometry::new(len, shape)?;
        let pages = len.div_ceil(size_of::<Page>() as u64);
        let page = || Page([const { AtomicU64::new(0) }; 512]);
        Ok(Self { pages: (0..pages).map(|_| page()).collect(), shape })
    }

    /// The window in it.
    pub fn window(&self) -> Window<'_> {
        let start = NonNull::from(&*self.pages).cast::<u8>();
        let len = size_of_val(&*self.pages) as u64;
        // SAFETY: the pages are aligned to a page and borrowed for as long as the window lasts; being atomics inside,
        // they may be written through a shared reference, and its holder can do so by atomics alone.
        let window = unsafe { Window::new(start, len, self.shape) };
        window.expect("the length was checked when the memory was made")
    }

    /// Its memory as words, for tests that play a hostile or a dead partition.
    pub fn words(&self) -> impl Iterator<Item = &AtomicU64> {
        self.pages.iter().flat_map(|page| &page.0)
    }

    /// The word at a byte offset, rounded down; `None` behind the end.
    pub fn word(&self, offset: u64) -> Option<&AtomicU64> {
        let page = self.pages.get((offset / size_of::<Page>() as u64) as usize)?;
        page.0.get((offset / 8 % 512) as usize)
    }
}
