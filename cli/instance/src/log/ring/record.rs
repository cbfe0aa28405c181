//! One record of a kernel's log.

use super::access::{ATTEMPTS, Ring};
use super::error::RingError;
use super::id::{ID, Id};
use crate::kernel::memory::Memory;

/// The highest two bits of a descriptor's state, and their values; any other value means that it can be reused.
const STATE: u32 = 62;
const RESERVED: u64 = 0;
const COMMITTED: u64 = 1;
const FINALIZED: u64 = 2;
/// A block of text begins with the id of its record.
const BLOCK_HEAD: u64 = 8;
/// Set in both positions of a record that has no block.
const NO_BLOCK: u64 = 1;
/// Both positions of a record whose text is empty. In other records without a block, the text found no room.
const EMPTY: u64 = 3;

/// A line of the log, or several.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    /// Time since the kernel's start.
    pub(crate) nanoseconds: u64,
    /// The text as it was given to the kernel.
    pub(crate) text: Vec<u8>,
}

/// What became of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    /// It is complete.
    Whole(Record),
    /// It is complete, but a line that is printed in pieces may still be going on in it.
    Open(Record),
    /// The kernel is writing it, or was when it stopped.
    Unfinished,
    /// A newer record has taken its place, it was never written, or there was no room for its text.
    Gone,
}

/// The fields of descriptor and info that reading needs.
#[derive(Clone, Copy)]
struct Head {
    begin: u64,
    next: u64,
    nanoseconds: u64,
    text_len: u16,
}

impl<M: Memory> Ring<'_, M> {
    /// What became of a record.
    pub(crate) fn entry(&self, id: Id) -> Result<Entry, RingError> {
        let mut state = self.state(id)?;
        for _ in 0..ATTEMPTS {
            let entry = read_in_state(self, id, state)?;
            // The writer marks the descriptor of a record before it reuses the record's text.
            let now = self.state(id)?;
            if now == state {
                return Ok(entry);
            }
            state = now;
        }
        Ok(Entry::Unfinished)
    }
}

fn read_in_state<M: Memory>(ring: &Ring<'_, M>, id: Id, state: u64) -> Result<Entry, RingError> {
    if state & ID != id.0 {
        return Ok(Entry::Gone);
    }
    let is_final = match state >> STATE {
        RESERVED => return Ok(Entry::Unfinished),
        COMMITTED => false,
        FINALIZED => true,
        _ => return Ok(Entry::Gone),
    };
    let head = head(ring, id)?;
    let Some(text) = text(ring, id, head)? else { return Ok(Entry::Gone) };
    let record = Record { nanoseconds: head.nanoseconds, text };
    Ok(if is_final { Entry::Whole(record) } else { Entry::Open(record) })
}

fn head<M: Memory>(ring: &Ring<'_, M>, id: Id) -> Result<Head, RingError> {
    let (desc, info) = (ring.descs.element(id.0), ring.infos.element(id.0));
    let mut text_len = [0; 2];
    ring.space.read(info.plus(ring.layout.info.text_len), &mut text_len)?;
    Ok(Head {
        begin: ring.space.word(desc.plus(ring.layout.desc.begin))?,
        next: ring.space.word(desc.plus(ring.layout.desc.next))?,
        nanoseconds: ring.space.word(info.plus(ring.layout.info.time))?,
        text_len: u16::from_le_bytes(text_len),
    })
}

/// The text of a record; `None` if it has none any more.
fn text<M: Memory>(ring: &Ring<'_, M>, id: Id, head: Head) -> Result<Option<Vec<u8>>, RingError> {
    let Head { begin, next, text_len, .. } = head;
    if begin & next & NO_BLOCK != 0 {
        return Ok((begin == EMPTY && next == EMPTY).then(Vec::new));
    }
    let Some((start, len)) = block(begin, next, ring.text_len) else { return Ok(None) };
    let block = ring.text.plus(start);
    if ring.space.word(block)? & ID != id.0 {
        return Ok(None);
    }
    let len = u64::from(text_len).min(len - BLOCK_HEAD);
    let mut text = vec![0; len as usize];
    ring.space.read(block.plus(BLOCK_HEAD), &mut text)?;
    Ok(Some(text))
}

/// The start of a block in a ring of `size` bytes, and its length with its head; `None` if there cannot be such a
/// block. A block that would cross the end of the ring lies whole at the ring's beginning instead.
fn block(begin: u64, next: u64, size: u64) -> Option<(u64, u64)> {
    let round = |position: u64| position / size;
    // Newer kernels let a block end where the ring does; then the next one begins in the next round.
    let last = next.wrapping_sub(1);
    let (start, len) = if round(begin) == round(last) {
        (begin % size, next.wrapping_sub(begin))
    } else if round(begin.wrapping_add(size)) == round(last) {
        (0, next % size)
    } else {
        return None;
    };
    let is_block = begin.is_multiple_of(8) && len >= BLOCK_HEAD && start.saturating_add(len) <= size;
    is_block.then_some((start, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_lies_where_its_positions_say() {
        assert_eq!(block(0, 16, 64), Some((0, 16)));
        assert_eq!(block(64 + 24, 64 + 48, 64), Some((24, 24)));
        // Ends with the ring, as newer kernels have it; the last round of all.
        assert_eq!(block(48, 64, 64), Some((48, 16)));
        assert_eq!(block(0_u64.wrapping_sub(16), 0, 64), Some((48, 16)));
    }

    #[test]
    fn a_block_that_would_cross_the_end_lies_at_the_beginning() {
        assert_eq!(block(48, 64 + 24, 64), Some((0, 24)));
        assert_eq!(block(0_u64.wrapping_sub(8), 24, 64), Some((0, 24)));
    }

    #[test]
    fn positions_that_make_no_block_are_refused() {
        for (begin, next) in [(16, 16), (24, 16), (16, 20), (4, 24), (0, 128), (0, 64 * 3), (48, 0)] {
            assert_eq!(block(begin, next, 64), None, "{begin} to {next}");
        }
    }
}
