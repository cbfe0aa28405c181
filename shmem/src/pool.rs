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
        self.span(offset, from.len()).map(|span| span.copy_from(from))
    }

    /// Fills the whole of `into` from `offset`.
    ///
    /// # Errors
    /// [`OutOfPool`], and nothing was copied.
    #[inline]
    pub fn copy_out(&self, offset: u64, into: Sink<'_>) -> Result<(), OutOfPool> {
        self.span(offset, into.len()).map(|span| span.copy_to(into))
    }

    /// `len` bytes from `offset`, where they lie.
    ///
    /// # Errors
    /// [`OutOfPool`].
    #[inline]
    pub fn span(&self, offset: u64, len: usize) -> Result<Span<'w>, OutOfPool> {
        if !self.holds(offset, len as u64) {
            return Err(OutOfPool { offset, len: len as u64 });
        }
        // SAFETY: `offset` is at most the pool's length, so the sum stays in its mapping or just behind it.
        let start = unsafe { self.start.add(offset as usize) };
        Ok(Span { start, len, window: PhantomData })
    }
}

/// Bytes of a pool, where they lie. Others may write to them at any moment: they are copied from and to, and never borrowed.
#[derive(Clone, Copy)]
pub struct Span<'w> {
    start: NonNull<u8>,
    len: usize,
    window: PhantomData<&'w [u8]>,
}

// SAFETY: as for `Pool`.
unsafe impl Send for Span<'_> {}
// SAFETY: as for `Pool`.
unsafe impl Sync for Span<'_> {}

impl Span<'_> {
    /// Its bytes.
    #[inline]
    pub fn len(self) -> usize {
        self.len
    }

    /// Whether it has none.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The first `at` bytes, and the rest; all of it and nothing, if there are not as many.
    #[inline]
    pub fn split_at(self, at: usize) -> (Self, Self) {
        let at = at.min(self.len);
        // SAFETY: `at` is at most the length, so the pointer stays in the mapping or just behind it.
        let rest = unsafe { self.start.add(at) };
        (Self { len: at, ..self }, Self { start: rest, len: self.len - at, ..self })
    }

    /// Writes `from`, as far as it fits.
    #[inline]
    pub fn copy_from(self, from: Source<'_>) {
        let len = from.len().min(self.len);
        // SAFETY: both are that long; `from` is readable by what having a `Source` means, and private memory does not
        // overlap the window.
        unsafe { copy::volatile(self.start.as_ptr(), from.as_ptr(), len) };
    }

    /// Reads into `into`, as far as it fits.
    #[inline]
    pub fn copy_to(self, into: Sink<'_>) {
        let len = into.len().min(self.len);
        // SAFETY: as in `copy_from`, the other way round; `into` is writable by what having a `Sink` means.
        unsafe { copy::volatile(into.as_ptr(), self.start.as_ptr(), len) };
    }

    /// Where it begins, for a system call that copies its bytes. A reference to them would promise that they stay as they are.
    #[inline]
    pub fn as_ptr(self) -> *mut u8 {
        self.start.as_ptr()
    }
}
