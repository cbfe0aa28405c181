//! A frame that is read where it lies, in the sender's pool.
//!
//! | what is read | why it may be believed |
//! |---|---|
//! | length, offload metadata, where the bytes lie | loaded once, checked, and kept here |
//! | [`LentFrame::head`] | copied once, and held against the metadata; used in place of the bytes in the pool |
//! | [`LentFrame::rest`] | it may not: the sender can change it between any two reads |
//!
//! So what decides anything is read once, into private memory. What is only handed on (written to a file descriptor, added to
//! a checksum that somebody compares) may be read in place.

use std::sync::Arc;

use shmem::order::full_fence;
use shmem::pool::{Pool, Span};
use shmem::segment::Sink;
use vni::descriptor::Offload;
use vni::lending::Lent;
pub use vni::lending::MAX_LENT_PIECES;

use crate::parts::Backing;

/// A frame that was received and not copied. Dropped, by any thread, it goes back to its sender with the endpoint's next
/// [release](crate::Endpoint::release) of its lane; until then it holds up the buffers of all that came after it in the
/// lane. If its link begins anew meanwhile, its bytes are no longer those of a frame.
#[derive(Debug)]
pub struct LentFrame {
    len: usize,
    offload: Offload,
    head: Vec<u8>,
    /// Where the rest lies; `None` if there is none.
    loan: Option<Loan>,
}

/// Bytes of a frame that is lent, where they lie. They are the sender's to write: here they are only read.
#[derive(Clone, Copy)]
pub struct LentSpan<'a>(Span<'a>);

impl LentSpan<'_> {
    /// Its bytes.
    #[inline]
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Reads into `into`, as far as it fits.
    #[inline]
    pub fn copy_to(self, into: Sink<'_>) {
        self.0.copy_to(into);
    }

    /// Where it begins, for a system call that copies its bytes.
    #[inline]
    pub fn as_ptr(self) -> *const u8 {
        self.0.as_ptr().cast_const()
    }
}

/// What has to be given back.
pub(crate) struct Loan {
    pub(crate) lent: Lent,
    /// The sender's. The backing keeps it mapped.
    pub(crate) pool: Pool<'static>,
    pub(crate) lane: usize,
    pub(crate) backing: Arc<Backing>,
}

impl std::fmt::Debug for Loan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loan").field("lent", &self.lent).field("lane", &self.lane).finish_non_exhaustive()
    }
}

impl LentFrame {
    /// One whose first bytes were copied.
    #[inline]
    pub(crate) fn lent(head: Vec<u8>, loan: Loan) -> Self {
        let Lent { len, offload, .. } = loan.lent;
        Self { len, offload, head, loan: Some(loan) }
    }

    /// One that was copied as a whole.
    pub(crate) fn copied(bytes: Vec<u8>, offload: Offload) -> Self {
        Self { len: bytes.len(), offload, head: bytes, loan: None }
    }

    /// Its bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never: a frame has at least a header.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// What is left to be done with it. It fits [`LentFrame::head`].
    #[inline]
    pub fn offload(&self) -> Offload {
        self.offload
    }

    /// Its first bytes, copied: none if nothing is left to be done with it, all if it lay in too many pieces.
    #[inline]
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// What follows [`LentFrame::head`], piece by piece.
    #[inline]
    pub fn rest(&self) -> impl Iterator<Item = LentSpan<'_>> {
        let mut skipped = self.head.len();
        let pieces = self.loan.iter().flat_map(|loan| loan.lent.pieces.iter().map(|piece| (loan.pool, piece)));
        pieces.filter_map(move |(pool, piece)| {
            let here = skipped.min(piece.len as usize);
            skipped -= here;
            // A piece that was checked lies in the pool.
            let span = pool.span(piece.offset.into(), piece.len as usize).ok()?;
            Some(LentSpan(span.split_at(here).1)).filter(|span| !span.is_empty())
        })
    }

    /// Copies it, as far as it fits; returns how much.
    #[inline]
    pub fn copy_to(&self, into: &mut [u8]) -> usize {
        let (head, mut left) = into.split_at_mut(self.head.len().min(into.len()));
        head.copy_from_slice(&self.head[..head.len()]);
        let mut copied = head.len();
        for span in self.rest() {
            let (now, later) = left.split_at_mut(span.len().min(left.len()));
            copied += now.len();
            span.copy_to(Sink::from(now));
            left = later;
        }
        copied
    }
}

impl Drop for Loan {
    #[inline]
    fn drop(&mut self) {
        self.lent.give_back(self.backing.loans(self.lane));
        // The owner of the endpoint is to tell the sender, also if it sleeps: it says that it does, FENCE, and looks at what
        // was given back.
        full_fence();
        self.backing.wake_sleeper();
    }
}
