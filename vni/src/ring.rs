//! The indices of a ring: who has published, who has consumed, and who must be rung.
//!
//! ```text
//! producer: write descriptors, the burst's first one last and by release; FENCE; read wake_at;
//!           ring if it lies within what was published
//! consumer: drain; store wake_at; FENCE; look at the next descriptor again; if it has come go on, else sleep
//!
//! consumer: store-release consumed; FENCE; read room_at; ring if it was passed
//! producer: store room_at; FENCE; read consumed again; if there is room go on, else sleep
//! ```
//!
//! Each FENCE is a full one: a processor may let a later load pass an earlier store (Intel SDM volume 3A, section
//! 9.2.3.4), and with either left out, both sides can read the old value and sleep, one with work to do. The tests in
//! `vni/tests/loom` show each of these interleavings happen with a fence removed, and none with all in place.
//!
//! Indices count descriptors since the link came up, modulo 2³². A descriptor has come when its lap bit is that of its
//! number ([`shmem::ring::lap_bit`]); since the first of a burst is written last, a consumer that sees it sees the
//! whole burst. A consumer that polls leaves `wake_at` at an index that has already been passed, so the producer never
//! rings it.

use core::sync::atomic::Ordering;

use shmem::order::full_fence;
use shmem::ring::{LAP, RING_SLOTS, Ring, lap_bit};

use crate::fault::Fault;

/// The words of one ring, as either end uses them. Each method is one access, with the ordering that it needs.
pub trait RingWords {
    /// Loads the first word of the descriptor with that number by acquire. Partner of [`RingWords::publish`]: the rest
    /// of the burst, and the bytes that it names, are then seen as they were written before.
    fn first_word(&self, number: u32) -> u64;
    /// Loads the second word; [`RingWords::first_word`] has ordered it.
    fn second_word(&self, number: u32) -> u64;
    /// Stores both words; [`RingWords::publish`] of an earlier descriptor will order it.
    fn set_words(&self, number: u32, words: [u64; 2]);
    /// Stores the second word; as for [`RingWords::set_words`].
    fn set_second_word(&self, number: u32, word: u64);
    /// Stores the first word of a burst's first descriptor by release.
    fn publish(&self, number: u32, first_word: u64);
    /// Loads `consumed` by acquire. Partner of [`RingWords::release`]: what the consumer read from the buffers it read
    /// before the producer writes to them again.
    fn consumed(&self) -> u32;
    /// Stores `consumed` by release.
    fn release(&self, consumed: u32);
    /// Loads `wake_at`; the fence before it orders it.
    fn wake_at(&self) -> u32;
    /// Stores `wake_at`; the fence after it orders it.
    fn set_wake_at(&self, index: u32);
    /// Loads `room_at`; the fence before it orders it.
    fn room_at(&self) -> u32;
    /// Stores `room_at`; the fence after it orders it.
    fn set_room_at(&self, index: u32);
    /// Zeroes the words that the producer writes, all descriptors among them. The link's word, stored by release
    /// afterwards, orders it ([`crate::link::LinkWords::replace_mine`]).
    fn clear_produced(&self);
    /// Zeroes the words that the consumer writes; ordered as for [`RingWords::clear_produced`].
    fn clear_consumed(&self);
    /// The producer's full fence between publishing and asking whether the consumer sleeps.
    fn fence_published(&self);
    /// The consumer's full fence between going to sleep and looking once more.
    fn fence_armed(&self);
    /// The consumer's full fence between giving room and asking whether the producer waits.
    fn fence_released(&self);
    /// The producer's full fence between asking for room and looking once more.
    fn fence_asked(&self);
}

impl RingWords for Ring<'_> {
    #[inline]
    fn first_word(&self, number: u32) -> u64 {
        self.descriptor(number).0[0].load(Ordering::Acquire)
    }

    #[inline]
    fn second_word(&self, number: u32) -> u64 {
        self.descriptor(number).0[1].load(Ordering::Relaxed)
    }

    #[inline]
    fn set_words(&self, number: u32, words: [u64; 2]) {
        let places = &self.descriptor(number).0;
        places[0].store(words[0], Ordering::Relaxed);
        places[1].store(words[1], Ordering::Relaxed);
    }

    #[inline]
    fn set_second_word(&self, number: u32, word: u64) {
        self.descriptor(number).0[1].store(word, Ordering::Relaxed);
    }

    #[inline]
    fn publish(&self, number: u32, first_word: u64) {
        self.descriptor(number).0[0].store(first_word, Ordering::Release);
    }

    #[inline]
    fn consumed(&self) -> u32 {
        self.consumed.load(Ordering::Acquire)
    }

    #[inline]
    fn release(&self, consumed: u32) {
        self.consumed.store(consumed, Ordering::Release);
    }

    #[inline]
    fn wake_at(&self) -> u32 {
        self.wake_at.load(Ordering::Relaxed)
    }

    fn set_wake_at(&self, index: u32) {
        self.wake_at.store(index, Ordering::Relaxed);
    }

    #[inline]
    fn room_at(&self) -> u32 {
        self.room_at.load(Ordering::Relaxed)
    }

    fn set_room_at(&self, index: u32) {
        self.room_at.store(index, Ordering::Relaxed);
    }

    fn clear_produced(&self) {
        self.room_at.store(0, Ordering::Relaxed);
        self.descriptors.iter().flat_map(|descriptor| &descriptor.0).for_each(|word| word.store(0, Ordering::Relaxed));
    }

    fn clear_consumed(&self) {
        self.consumed.store(0, Ordering::Relaxed);
        self.wake_at.store(0, Ordering::Relaxed);
    }

    #[inline]
    fn fence_published(&self) {
        full_fence();
    }

    #[inline]
    fn fence_armed(&self) {
        full_fence();
    }

    #[inline]
    fn fence_released(&self) {
        full_fence();
    }

    fn fence_asked(&self) {
        full_fence();
    }
}

/// Whether the other side must be rung.
#[must_use = "a peer that is not rung sleeps on"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wake {
    /// It sleeps, and the descriptor or the room that it waits for is there.
    Needed,
    /// It is awake, or waits for something else.
    NotNeeded,
}

impl Wake {
    /// Needed if `needed`.
    #[inline]
    fn when(needed: bool) -> Self {
        if needed { Self::Needed } else { Self::NotNeeded }
    }

    /// Whether it is needed.
    #[inline]
    pub fn is_needed(self) -> bool {
        self == Self::Needed
    }
}

/// The producer's end. What it knows of its own doing it keeps here, and never reads back from the window.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Producer {
    /// Descriptors written: the number of the next.
    written: u32,
    /// Descriptors published: those before this number.
    published: u32,
    /// Descriptors that the consumer had given back when we last looked.
    consumed: u32,
    /// The first word of the first descriptor that is not published: it is written last.
    held: u64,
}

impl Producer {
    /// Descriptors that could be written without looking at the consumer again.
    #[inline]
    pub fn free(&self) -> u32 {
        RING_SLOTS - self.in_flight()
    }

    /// Descriptors written and not known to be consumed.
    #[inline]
    pub fn in_flight(&self) -> u32 {
        self.written.wrapping_sub(self.consumed)
    }

    /// Descriptors written and not published.
    #[inline]
    pub fn unpublished(&self) -> u32 {
        self.written.wrapping_sub(self.published)
    }

    /// The number of the next descriptor.
    #[inline]
    pub fn next(&self) -> u32 {
        self.written
    }

    /// Whether the consumer has given back the descriptor with that number, which was written, as far as we have
    /// looked.
    #[inline]
    pub fn has_consumed(&self, number: u32) -> bool {
        self.written.wrapping_sub(number) > self.in_flight()
    }

    /// Writes the next descriptor, whose first word leaves the lap bit clear.
    ///
    /// # Panics
    /// In debug builds, if none is [free](Producer::free).
    #[inline]
    pub fn write(&mut self, ring: &impl RingWords, words: [u64; 2]) {
        debug_assert!(self.free() > 0 && words[0] & LAP == 0);
        let first = words[0] | lap_bit(self.written);
        if self.unpublished() == 0 {
            self.held = first;
            ring.set_second_word(self.written, words[1]);
        } else {
            ring.set_words(self.written, [first, words[1]]);
        }
        self.written = self.written.wrapping_add(1);
    }

    /// Publishes all that was written since the last time, as one burst.
    #[inline]
    pub fn publish(&mut self, ring: &impl RingWords) -> Wake {
        let burst = self.unpublished();
        if burst == 0 {
            return Wake::NotNeeded;
        }
        ring.publish(self.published, self.held);
        ring.fence_published();
        let behind = self.written.wrapping_sub(ring.wake_at()).wrapping_sub(1);
        self.published = self.written;
        Wake::when(behind < burst)
    }

    /// Reads how far the consumer has come.
    ///
    /// # Errors
    /// [`Fault::Consumed`].
    pub fn reclaim(&mut self, ring: &impl RingWords) -> Result<(), Fault> {
        let claimed = ring.consumed();
        if claimed.wrapping_sub(self.consumed) > self.published.wrapping_sub(self.consumed) {
            return Err(Fault::Consumed { claimed, published: self.published });
        }
        self.consumed = claimed;
        Ok(())
    }

    /// Asks to be rung when half of what is in flight has been consumed. Look once more with [`Producer::reclaim`]
    /// afterwards: sleep only if there is still no room and the index is still [`Producer::to_come`].
    pub fn ask_for_room(&self, ring: &impl RingWords) -> u32 {
        let asked = self.written.wrapping_sub(self.in_flight() / 2);
        ring.set_room_at(asked);
        ring.fence_asked();
        asked
    }

    /// Whether the consumer, when we last looked, had not yet reached the index at which we asked to be rung. If it has
    /// passed it, it may have done so before it could see our request, and then it will not ring.
    pub fn to_come(&self, asked: u32) -> bool {
        asked.wrapping_sub(self.consumed).wrapping_sub(1) < self.in_flight()
    }
}

/// The consumer's end.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Consumer {
    /// Descriptors taken: the number of the next.
    taken: u32,
    /// Descriptors given back: those before this number.
    released: u32,
}

impl Consumer {
    /// The first word, without its lap, of the descriptor that is `ahead` after the next, if it has come. A ring holds
    /// no more than [`RING_SLOTS`] that are not given back: what a producer writes over them is not looked at.
    #[inline]
    pub fn first_word(&self, ring: &impl RingWords, ahead: u32) -> Option<u64> {
        let number = self.taken.wrapping_add(ahead);
        if number.wrapping_sub(self.released) >= RING_SLOTS {
            return None;
        }
        let word = ring.first_word(number);
        (word & LAP == lap_bit(number)).then_some(word & !LAP)
    }

    /// The second word of the next descriptor; ask [`Consumer::first_word`] first whether it has come.
    #[inline]
    pub fn second_word(&self, ring: &impl RingWords) -> u64 {
        ring.second_word(self.taken)
    }

    /// Goes past `count` descriptors, which have come.
    #[inline]
    pub fn take(&mut self, count: u32) {
        self.taken = self.taken.wrapping_add(count);
        debug_assert!(self.unreleased() <= RING_SLOTS);
    }

    /// Gives back all that was taken since the last time, as one burst.
    #[inline]
    pub fn release(&mut self, ring: &impl RingWords) -> Wake {
        self.release_until(ring, self.taken)
    }

    /// Gives back what was taken and not given back yet before the descriptor `end`, as one burst.
    #[inline]
    pub fn release_until(&mut self, ring: &impl RingWords, end: u32) -> Wake {
        let burst = end.wrapping_sub(self.released);
        debug_assert!(burst <= self.unreleased());
        if burst == 0 {
            return Wake::NotNeeded;
        }
        ring.release(end);
        ring.fence_released();
        let past = end.wrapping_sub(ring.room_at());
        self.released = end;
        Wake::when(past < burst)
    }

    /// Asks to be rung for the next descriptor, and looks once more: true if nothing has come and one may sleep.
    /// Release before: what a full ring holds is not looked at, and the producer waits too.
    pub fn arm(&self, ring: &impl RingWords) -> bool {
        ring.set_wake_at(self.taken);
        ring.fence_armed();
        self.first_word(ring, 0).is_none()
    }

    /// Descriptors taken.
    #[inline]
    pub fn taken(&self) -> u32 {
        self.taken
    }

    /// Descriptors given back.
    #[inline]
    pub fn released(&self) -> u32 {
        self.released
    }

    #[inline]
    fn unreleased(&self) -> u32 {
        self.taken.wrapping_sub(self.released)
    }
}

#[cfg(test)]
mod tests;
