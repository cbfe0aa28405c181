//! Places bytes in our pool: short frames one behind the other in a buffer, long ones over several.
//!
//! A buffer that is full stays *retired* until the consumer has given back the last descriptor that names it; since a
//! ring is consumed in order, so are retired buffers. The packer relies only on its own records, and reads nothing back from the
//! window.

use heapless::Deque;
use shmem::pool::BUFFER_LEN;
use shmem::ring::RING_SLOTS;

use crate::buffers::{Buffer, OwnBuffers, OwnCount, SharedBuffers};
use crate::ring::Producer;

/// Frames begin at multiples of this, a cache line, so that a receiver that reads one frame and a sender that writes
/// the next do not take a line from each other.
const ALIGN: u32 = 64;

/// Buffers of the largest frame.
pub(crate) const MAX_BUFFERS_OF_FRAME: usize = crate::MAX_FRAME.div_ceil(BUFFER_LEN as usize);

/// A piece of the pool to be filled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// Where it lies in the pool.
    pub(crate) offset: u32,
    /// Its bytes.
    pub(crate) len: u32,
}

/// The buffer that is being filled.
#[derive(Clone, Copy, Debug)]
struct Open {
    buffer: Buffer,
    /// Bytes of it that are taken.
    used: u32,
    /// The last descriptor that names it.
    named_by: u32,
}

/// A buffer that is full.
#[derive(Clone, Copy, Debug)]
struct Retired {
    buffer: Buffer,
    named_by: u32,
}

/// The buffers of one lane on their way.
pub(crate) struct Packer {
    own: OwnBuffers,
    open: Option<Open>,
    /// In the order of their descriptors. At least one descriptor names each, and is not known to be consumed; except
    /// the first, which may have been consumed before it was full.
    retired: Deque<Retired, { RING_SLOTS as usize + 1 }>,
    /// Buffers for the frame that is about to be written.
    fresh: heapless::Vec<Buffer, MAX_BUFFERS_OF_FRAME>,
}

impl Packer {
    /// The packer of the `lane`-th lane of its partition, with nothing on its way.
    pub(crate) fn new(lane: usize, count: OwnCount) -> Self {
        Self { own: OwnBuffers::new(lane, count), open: None, retired: Deque::new(), fresh: heapless::Vec::new() }
    }

    /// How many pieces a frame of `len` bytes will have: one, if it fits behind what is in the open buffer.
    #[inline]
    pub(crate) fn pieces(&self, len: usize) -> u32 {
        if len <= self.left() { 1 } else { len.div_ceil(BUFFER_LEN as usize) as u32 }
    }

    #[inline]
    fn left(&self) -> usize {
        self.open.map_or(0, |open| BUFFER_LEN as usize - open.used as usize)
    }

    /// Whether our own buffers are enough for a frame of `len` bytes; they are set aside for it then.
    #[inline]
    pub(crate) fn provide_own(&mut self, len: usize) -> bool {
        if len <= self.left() {
            return true;
        }
        let needed = len.div_ceil(BUFFER_LEN as usize);
        if self.own.count() < needed {
            return false;
        }
        self.fresh.extend((0..needed).filter_map(|_| self.own.pop()));
        true
    }

    /// Whether own and shared buffers together are enough; they are set aside then.
    pub(crate) fn provide(&mut self, len: usize, shared: &SharedBuffers) -> bool {
        while self.fresh.len() < len.div_ceil(BUFFER_LEN as usize) {
            let Some(buffer) = self.own.pop().or_else(|| shared.pop()) else {
                self.put_back_fresh(shared);
                return false;
            };
            let set_aside = self.fresh.push(buffer);
            debug_assert!(set_aside.is_ok(), "no frame needs more");
        }
        true
    }

    /// Where the next piece goes that descriptor `number` will name, of a frame that has `left` bytes to come. After
    /// [`Packer::provide`] for the whole frame.
    #[inline]
    pub(crate) fn place(&mut self, left: usize, number: u32) -> Option<Place> {
        if left > self.left() {
            self.retire();
            self.open = self.fresh.pop().map(|buffer| Open { buffer, used: 0, named_by: number });
        }
        let open = self.open.as_mut()?;
        let len = (left as u32).min(BUFFER_LEN as u32 - open.used);
        let place = Place { offset: open.buffer.offset() + open.used, len };
        open.used = (open.used + len).next_multiple_of(ALIGN);
        open.named_by = number;
        Some(place)
    }

    fn retire(&mut self) {
        let Some(Open { buffer, named_by, .. }) = self.open.take() else { return };
        let kept = self.retired.push_back(Retired { buffer, named_by });
        debug_assert!(kept.is_ok(), "a slot names one buffer");
    }

    fn put_back_fresh(&mut self, shared: &SharedBuffers) {
        while let Some(buffer) = self.fresh.pop() {
            self.own.give_back(buffer, shared);
        }
    }

    /// Takes back the buffers whose descriptors have all been consumed.
    pub(crate) fn reclaim(&mut self, producer: &Producer, shared: &SharedBuffers) {
        while let Some(Retired { buffer, named_by }) = self.retired.front().copied() {
            if !producer.has_consumed(named_by) {
                return;
            }
            self.retired.pop_front();
            self.own.give_back(buffer, shared);
        }
    }

    /// Takes back all buffers.
    pub(crate) fn reset(&mut self, shared: &SharedBuffers) {
        self.retire();
        while let Some(Retired { buffer, .. }) = self.retired.pop_front() {
            self.own.give_back(buffer, shared);
        }
        self.put_back_fresh(shared);
    }

    /// Whether there were buffers for the largest frame a moment ago.
    pub(crate) fn has_room(&self, shared: &SharedBuffers) -> bool {
        self.own.could_have(MAX_BUFFERS_OF_FRAME, shared)
    }
}

#[cfg(test)]
mod tests;
