//! A kernel's log as it lies in its memory: the printk ring (Linux `kernel/printk/printk_ringbuffer.c`, "data structure").
//!
//! ```text
//! prb ──► printk_ringbuffer
//!           desc_ring        descs[], infos[]   a descriptor and an info for each record; an *id* counts records, and
//!                                               its lowest bits are the place in both
//!                            tail_id, head_id   the oldest and the newest record
//!           text_data_ring   data[]             texts; a *position* counts bytes, and its lowest bits are the place
//! ```
//!
//! Whoever writes takes descriptor and text of the oldest record for the newest, while we read. So a record counts only
//! if its descriptor says the same before and after its text was read. | [`layout`] where the fields lie | [`record`] one
//! record |
//!
//! Nothing that is read is trusted: numbers are masked or held against the ring's size, and addresses go through
//! [`AddressSpace`].

mod layout;
mod record;
#[cfg(test)]
mod tests;

use std::fmt;

use self::layout::Layout;
pub(crate) use self::record::{Entry, Record};
use crate::memory::Memory;
use crate::note::{Note, NoteError};
use crate::paging::{AddressSpace, PagingError, Virtual};

/// Powers of two that a kernel can be configured or told to have, descriptors and bytes of text.
const MOST_DESCRIPTORS: u32 = 26;
const MOST_TEXT: u32 = 31;
/// How often something is read until it fits together: the ring turns while it is.
const ATTEMPTS: u32 = 3;
/// The bits of a descriptor's state that hold its record's id; the highest two say how far it is.
const ID: u64 = u64::MAX >> 2;

/// The number of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Id(u64);

/// A kernel's log.
pub(crate) struct Ring<'m, M> {
    space: AddressSpace<'m, M>,
    layout: Layout,
    prb: Virtual,
    descs: Array,
    infos: Array,
    text: Virtual,
    text_len: u64,
}

/// Where an array lies, and how many elements of how many bytes it has.
#[derive(Clone, Copy)]
struct Array {
    start: Virtual,
    count: u64,
    size: u64,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RingError {
    /// What it is found by is missing.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// A field would lie outside its structure.
    #[error("its {field} would lie at byte {offset} of {size}")]
    Layout {
        /// Structure and field.
        field: &'static str,
        /// Where it would lie.
        offset: u64,
        /// The size of the structure.
        size: u64,
    },
    /// An address leads nowhere.
    #[error(transparent)]
    Paging(#[from] PagingError),
    /// No kernel's ring has such a size.
    #[error("its ring would have 2^{found} {what}, and 2^{most} is the most")]
    Size {
        /// What is counted.
        what: &'static str,
        /// The power that was found.
        found: u32,
        /// The largest there is.
        most: u32,
    },
    /// The ends of the ring are at odds with its records.
    #[error("its ring would go from record {tail} to {head}, and neither is there")]
    Ends {
        /// The oldest record.
        tail: Id,
        /// The newest.
        head: Id,
    },
}

impl<'m, M: Memory> Ring<'m, M> {
    /// The log of the kernel that has written the note.
    ///
    /// # Errors
    /// If it is not one by all that can be told from outside.
    pub(crate) fn open(memory: &'m M, note: &Note) -> Result<Self, RingError> {
        let space = AddressSpace::new(memory, note)?;
        let layout = Layout::read(note)?;
        let prb = Virtual(space.word(Virtual(note.symbol("prb")?))?);
        let count = power(&space, prb.plus(layout.count_bits), "descriptors", MOST_DESCRIPTORS)?;
        let text_len = power(&space, prb.plus(layout.size_bits), "bytes of text", MOST_TEXT)?;
        let pointer = |offset| space.word(prb.plus(offset)).map(Virtual);
        let descs = Array { start: pointer(layout.descs)?, count, size: layout.desc.size };
        let infos = Array { start: pointer(layout.infos)?, count, size: layout.info.size };
        let text = pointer(layout.data)?;
        let ring = Self { space, layout, prb, descs, infos, text, text_len };
        ring.check_arrays()?;
        ring.check_ends()?;
        Ok(ring)
    }

    /// The oldest record and the newest.
    pub(crate) fn ends(&self) -> Result<(Id, Id), RingError> {
        let end = |offset| self.space.word(self.prb.plus(offset)).map(|id| Id(id & ID));
        let tail = end(self.layout.tail_id)?;
        Ok((tail, end(self.layout.head_id)?))
    }

    /// How many records there are room for.
    pub(crate) fn capacity(&self) -> u64 {
        self.descs.count
    }

    /// What became of a record.
    pub(crate) fn entry(&self, id: Id) -> Result<Entry, RingError> {
        record::read(self, id)
    }

    fn check_arrays(&self) -> Result<(), RingError> {
        for array in [self.descs, self.infos, Array { start: self.text, count: self.text_len, size: 1 }] {
            for number in [0, array.count - 1] {
                self.space.read(array.element(number), &mut [0])?;
            }
        }
        Ok(())
    }

    /// In memory that only looks like a ring, no id is found again in the descriptor that should have it.
    fn check_ends(&self) -> Result<(), RingError> {
        let mut ends = self.ends()?;
        for _ in 0..ATTEMPTS {
            for end in [ends.0, ends.1] {
                if self.state(end)? & ID == end.0 {
                    return Ok(());
                }
            }
            ends = self.ends()?;
        }
        Err(RingError::Ends { tail: ends.0, head: ends.1 })
    }

    /// The state of the descriptor that this record has or had.
    fn state(&self, id: Id) -> Result<u64, RingError> {
        Ok(self.space.word(self.descs.element(id.0).plus(self.layout.desc.state))?)
    }
}

impl Array {
    /// The element that has this number, or one that is so many rounds further on.
    fn element(self, number: u64) -> Virtual {
        self.start.plus(number % self.count * self.size)
    }
}

impl Id {
    /// The record after this one.
    pub(crate) fn next(self) -> Id {
        Id(self.0.wrapping_add(1) & ID)
    }

    /// The record so many before this one.
    pub(crate) fn before(self, records: u64) -> Id {
        Id(self.0.wrapping_sub(records) & ID)
    }

    /// How many records further on this one is than `other`.
    pub(crate) fn after(self, other: Id) -> u64 {
        self.0.wrapping_sub(other.0) & ID
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// 2 to the power that stands there, in 4 bytes.
fn power<M: Memory>(space: &AddressSpace<'_, M>, at: Virtual, what: &'static str, most: u32) -> Result<u64, RingError> {
    let mut bits = [0; 4];
    space.read(at, &mut bits)?;
    let found = u32::from_le_bytes(bits);
    if found > most { Err(RingError::Size { what, found, most }) } else { Ok(1 << found) }
}
