//! The ring in another kernel's memory.

use super::error::RingError;
use super::id::{ID, Id};
use super::layout::Layout;
use crate::kernel::memory::Memory;
use crate::kernel::note::Note;
use crate::kernel::paging::{AddressSpace, Virtual};

/// The largest powers of two that a kernel can be configured to have, for descriptors and for bytes of text.
const MOST_DESCRIPTORS: u32 = 26;
const MOST_TEXT: u32 = 31;
/// How often something is read again because the ring changed meanwhile.
pub(super) const ATTEMPTS: u32 = 3;

/// A kernel's log.
pub(crate) struct Ring<'m, M> {
    pub(super) space: AddressSpace<'m, M>,
    pub(super) layout: Layout,
    prb: Virtual,
    pub(super) descs: Array,
    pub(super) infos: Array,
    pub(super) text: Virtual,
    pub(super) text_len: u64,
}

/// An array: its address, the number of its elements, and the bytes of each.
#[derive(Clone, Copy)]
pub(super) struct Array {
    start: Virtual,
    count: u64,
    size: u64,
}

impl<'m, M: Memory> Ring<'m, M> {
    /// The log of the kernel that has written the note.
    ///
    /// # Errors
    /// If the note lacks something, an address is not mapped, or what is there is no ring.
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

    /// How many records the ring has room for.
    pub(crate) fn capacity(&self) -> u64 {
        self.descs.count
    }

    fn check_arrays(&self) -> Result<(), RingError> {
        for array in [self.descs, self.infos, Array { start: self.text, count: self.text_len, size: 1 }] {
            for number in [0, array.count - 1] {
                self.space.read(array.element(number), &mut [0])?;
            }
        }
        Ok(())
    }

    /// Checks that at least one end is the id in the descriptor that belongs to it. This fails in memory that only
    /// looks like a ring.
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
    pub(super) fn state(&self, id: Id) -> Result<u64, RingError> {
        Ok(self.space.word(self.descs.element(id.0).plus(self.layout.desc.state))?)
    }
}

impl Array {
    /// The element with this number, modulo the count.
    pub(super) fn element(self, number: u64) -> Virtual {
        self.start.plus(number % self.count * self.size)
    }
}

/// 2 to the power of the 4-byte number at `at`.
fn power<M: Memory>(space: &AddressSpace<'_, M>, at: Virtual, what: &'static str, most: u32) -> Result<u64, RingError> {
    let mut bits = [0; 4];
    space.read(at, &mut bits)?;
    let found = u32::from_le_bytes(bits);
    if found > most { Err(RingError::Size { what, found, most }) } else { Ok(1 << found) }
}
