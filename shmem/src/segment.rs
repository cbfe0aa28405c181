//! Private memory that frames are copied from and to: a frame on its way may lie in several segments.
//!
//! They are pointers and not slices, because a kernel sends pages that programs may be writing to at that moment.

#![expect(unsafe_code, reason = "the window is memory that others write to")]

use core::marker::PhantomData;

use crate::copy;

/// Memory to copy from. Having one means that it is readable for as long as `'a` lasts.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    start: *const u8,
    len: usize,
    memory: PhantomData<&'a [u8]>,
}

/// Memory to copy to. Having one means that it is writable, and nobody else's, for as long as `'a` lasts.
pub struct Sink<'a> {
    start: *mut u8,
    len: usize,
    memory: PhantomData<&'a mut [u8]>,
}

impl<'a> Source<'a> {
    /// `len` bytes from `start`.
    ///
    /// # Safety
    /// They must be readable for as long as `'a` lasts. Others may write to them: then whatever is there is copied.
    pub unsafe fn from_raw(start: *const u8, len: usize) -> Self {
        Self { start, len, memory: PhantomData }
    }

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
        // SAFETY: `at` is at most the length, so the pointer stays in the same memory or just behind it.
        let rest = unsafe { self.start.add(at) };
        (Self { len: at, ..self }, Self { start: rest, len: self.len - at, ..self })
    }

    #[inline]
    pub(crate) fn as_ptr(self) -> *const u8 {
        self.start
    }
}

impl<'a> From<&'a [u8]> for Source<'a> {
    #[inline]
    fn from(bytes: &'a [u8]) -> Self {
        Self { start: bytes.as_ptr(), len: bytes.len(), memory: PhantomData }
    }
}

impl<'a> Sink<'a> {
    /// `len` bytes from `start`.
    ///
    /// # Safety
    /// They must be readable and writable, and nobody else's, for as long as `'a` lasts.
    pub unsafe fn from_raw(start: *mut u8, len: usize) -> Self {
        Self { start, len, memory: PhantomData }
    }

    /// Its bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first `at` bytes, and the rest; all of it and nothing, if there are not as many.
    #[inline]
    pub fn split_at(self, at: usize) -> (Self, Self) {
        let at = at.min(self.len);
        // SAFETY: as for `Source::split_at`; the two halves do not overlap, so each is still nobody else's.
        let rest = unsafe { self.start.add(at) };
        (
            Self { start: self.start, len: at, memory: PhantomData },
            Self { start: rest, len: self.len - at, memory: PhantomData },
        )
    }

    /// The same memory again, for a shorter time.
    #[inline]
    pub fn reborrow(&mut self) -> Sink<'_> {
        Sink { start: self.start, len: self.len, memory: PhantomData }
    }

    /// Reads back its first bytes into `head`; returns how many there were.
    pub fn read_back(&self, head: &mut [u8]) -> usize {
        let len = head.len().min(self.len);
        // SAFETY: both are at least `len` bytes long, and `head` is borrowed by us alone, so they do not overlap.
        unsafe { copy::volatile(head.as_mut_ptr(), self.start, len) };
        len
    }

    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut u8 {
        self.start
    }
}

impl<'a> From<&'a mut [u8]> for Sink<'a> {
    #[inline]
    fn from(bytes: &'a mut [u8]) -> Self {
        Self { start: bytes.as_mut_ptr(), len: bytes.len(), memory: PhantomData }
    }
}
