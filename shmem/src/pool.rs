//! Transmit pools: memory that one partition fills and all others copy from.

#![expect(unsafe_code, reason = "the window is memory that others write to")]

use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::copy;
use crate::segment::{Sink, Source};

/// A transmit buffer. Short frames are packed into one, long ones take several.
pub const BUFFER_LEN: u64 = 8192;
/// Buffers that are guaranteed to each lane of a pool, so that a stalled peer cannot drain it: enough for the largest
/// frame (64 KiB and headers take 9) beside the one that is being filled, and a few more.
pub const GUARANTEED_BUFFERS: usize = 12;

/// A transmit pool.
#[derive(Clone, Copy)]
pub struct Pool<'w> {
    start: NonNull<u8>,
    len: u64,
    window: PhantomData<&'w [u8]>,
}

// SAFETY: a pool is an address and a length; all that is done through it are volatile copies of bytes that are checked
// to lie inside, which any number of threads may do at once.
unsafe impl Send for Pool<'_> {}
// SAFETY: as above.
unsafe impl Sync for Pool<'_> {}

/// A range that does not lie in a pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfPool {
    /// Where it starts.
    pub offset: u64,
    /// Its bytes.
    pub len: u64,
}

impl fmt::Display for OutOfPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at {:#x} do not lie in the pool", self.len, self.offset)
    }
}

impl core::error::Error for OutOfPool {}

impl<'w> Pool<'w> {
    /// # Safety
    /// From `start`, `len` bytes must be mapped for as long as `'w` lasts, and all that touch them must do so by
    /// volatile or atomic accesses.
    pub(crate) unsafe fn new(start: NonNull<u8>, len: u64) -> Self {
        Self { start, len, window: PhantomData }
    }

    /// Its bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a range lies in it.
    #[inline]
    pub fn holds(&self, offset: u64, len: u64) -> bool {
        offset.checked_add(len).is_some_and(|end| end <= self.len)
    }

    /// Copies the whole of `from` to `offset`.
    ///
    /// # Errors
    /// [`OutOfPool`], and nothing was copied.
    #[inline]
    pub fn copy_in(&self, offset: u64, from: Source<'_>) -> Result<(), OutOfPool> {
        let to = self.at(offset, from.len())?;
        // SAFETY: `to` lies in the pool with `from.len()` bytes behind it, `from` is readable by what having a
        // `Source` means, and private memory does not overlap the window.
        unsafe { copy::volatile(to.as_ptr(), from.as_ptr(), from.len()) };
        Ok(())
    }

    /// Fills the whole of `into` from `offset`.
    ///
    /// # Errors
    /// [`OutOfPool`], and nothing was copied.
    #[inline]
    pub fn copy_out(&self, offset: u64, into: Sink<'_>) -> Result<(), OutOfPool> {
        let from = self.at(offset, into.len())?;
        // SAFETY: as in `copy_in`, the other way round; `into` is writable by what having a `Sink` means.
        unsafe { copy::volatile(into.as_ptr(), from.as_ptr(), into.len()) };
        Ok(())
    }

    #[inline]
    fn at(&self, offset: u64, len: usize) -> Result<NonNull<u8>, OutOfPool> {
        let len = len as u64;
        if !self.holds(offset, len) {
            return Err(OutOfPool { offset, len });
        }
        // SAFETY: `offset` is at most the pool's length, so the sum stays in its mapping or just behind it.
        Ok(unsafe { self.start.add(offset as usize) })
    }
}
