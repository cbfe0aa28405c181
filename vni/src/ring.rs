//! The indices of a ring: who has published, who has consumed, and who must be rung.
//!
//! ```text
//! producer: write descriptors; store-release produced; FENCE; read wake_at; ring if it lies within what was published
//! consumer: drain; store wake_at; FENCE; read produced again; if it moved go on, else sleep
//!
//! consumer: store-release consumed; FENCE; read room_at; ring if it was passed
//! producer: store room_at; FENCE; read consumed again; if there is room go on, else sleep
//! ```
//!
//! Each FENCE is a full one: a processor may let a later load pass an earlier store (Intel SDM volume 3A, section 9.2.3.4),
//! and with either left out, both sides can read the old value and sleep, one with work to do. The tests in
//! `vni/tests/loom.rs` show each of these interleavings happen with a fence removed, and none with all in place.
//!
//! Indices count descriptors since the link came up, modulo 2³². A consumer that polls leaves `wake_at` where it has
//! already been passed, and is rung by nobody.

use core::sync::atomic::{Ordering, fence};

use shmem::ring::{RING_SLOTS, Ring};

use crate::fault::Fault;

/// The words of one ring, as either end uses them. Each method is one access, with the ordering that it needs.
pub trait RingWords {
    /// Loads `produced` by acquire. Partner of [`RingWords::publish`]: the descriptors below it, and the bytes they
    /// name, are then seen as they were written before.
    fn produced(&self) -> u32;
    /// Stores `produced` by release.
    fn publish(&self, produced: u32);
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
    /// Loads the descriptor with that number; [`RingWords::produced`] has ordered it.
    fn descriptor(&self, number: u32) -> [u64; 2];
    /// Stores the descriptor with that number; [`RingWords::publish`] will order it.
    fn set_descriptor(&self, number: u32, words: [u64; 2]);
    /// Zeroes the words that the producer writes. The link's word, stored by release afterwards, orders it
    /// ([`crate::link::LinkWords::replace_mine`]).
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
    fn produced(&self) -> u32 {
        self.produced.load(Ordering::Acquire)
    }

    fn publish(&self, produced: u32) {
        self.produced.store(produced, Ordering::Release);
    }

    fn consumed(&self) -> u32 {
        self.consumed.load(Ordering::Acquire)
    }

    fn release(&self, consumed: u32) {
        self.consumed.store(consumed, Ordering::Release);
    }

    fn wake_at(&self) -> u32 {
        self.wake_at.load(Ordering::Relaxed)
    }

    fn set_wake_at(&self, index: u32) {
        self.wake_at.store(index, Ordering::Relaxed);
    }

    fn room_at(&self) -> u32 {
        self.room_at.load(Ordering::Relaxed)
    }

    fn set_room_at(&self, index: u32) {
        self.room_at.store(index, Ordering::Relaxed);
    }

    fn descriptor(&self, number: u32) -> [u64; 2] {
        let words = &self.descriptor(number).0;
        [words[0].load(Ordering::Relaxed), words[1].load(Ordering::Relaxed)]
    }

    fn set_descriptor(&self, number: u32, words: [u64; 2]) {
        let places = &self.descriptor(number).0;
        places[0].store(words[0], Ordering::Relaxed);
        places[1].store(words[1], Ordering::Relaxed);
    }

    fn clear_produced(&self) {
        self.produced.store(0, Ordering::Relaxed);
        self.room_at.store(0, Ordering::Relaxed);
    }

    fn clear_consumed(&self) {
        self.consumed.store(0, Ordering::Relaxed);
        self.wake_at.store(0, Ordering::Relaxed);
    }

    fn fence_published(&self) {
        fence(Ordering::SeqCst);
    }

    fn fence_armed(&self) {
        fence(Ordering::SeqCst);
    }

    fn fence_released(&self) {
        fence(Ordering::SeqCst);
    }

    fn fence_asked(&self) {
        fence(Ordering::SeqCst);
    }
}

/// Whether the other side must be rung.
#[must_use = "who is not rung sleeps on"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wake {
    /// It sleeps, and what it waits for has come.
    Needed,
    /// It is awake, or waits for something else.
    NotNeeded,
}

impl Wake {
    /// Needed if `needed`.
    fn when(needed: bool) -> Self {
        if needed { Self::Needed } else { Self::NotNeeded }
    }

    /// Whether it is needed.
    pub fn is_needed(self) -> bool {
        self == Self::Needed
    }
}

/// The producer's end. What it knows of its own doing it keeps here, and never reads back from the window.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Producer {
    /// Descriptors written.
    written: u32,
    /// Of them, published.
    published: u32,
    /// Of them, consumed, as far as we have looked.
    consumed: u32,
}

impl Producer {
    /// Descriptors that could be written without looking at the consumer again.
    pub fn free(&self) -> u32 {
        RING_SLOTS - self.in_flight()
    }

    /// Descriptors written and not known to be consumed.
    pub fn in_flight(&self) -> u32 {
        self.written.wrapping_sub(self.consumed)
    }

    /// Descriptors written and not published.
    pub fn unpublished(&self) -> u32 {
        self.written.wrapping_sub(self.published)
    }

    /// The number of the next descriptor.
    pub fn next(&self) -> u32 {
        self.written
    }

    /// Writes the next descriptor.
    ///
    /// # Panics
    /// In debug builds, if none is [free](Producer::free).
    pub fn write(&mut self, ring: &impl RingWords, words: [u64; 2]) {
        debug_assert!(self.free() > 0);
        ring.set_descriptor(self.written, words);
        self.written = self.written.wrapping_add(1);
    }

    /// Forgets the last `count` descriptors, which were not published yet.
    ///
    /// # Panics
    /// In debug builds, if they were.
    pub fn unwrite(&mut self, count: u32) {
        debug_assert!(count <= self.unpublished());
        self.written = self.written.wrapping_sub(count);
    }

    /// Publishes all that was written since the last time, as one burst.
    pub fn publish(&mut self, ring: &impl RingWords) -> Wake {
        let burst = self.unpublished();
        if burst == 0 {
            return Wake::NotNeeded;
        }
        ring.publish(self.written);
        ring.fence_published();
        let behind = self.written.wrapping_sub(ring.wake_at()).wrapping_sub(1);
        self.published = self.written;
        Wake::when(behind < burst)
    }

    /// Looks what has been consumed: the numbers of those descriptors, first and count.
    ///
    /// # Errors
    /// [`Fault::Consumed`].
    pub fn reclaim(&mut self, ring: &impl RingWords) -> Result<(u32, u32), Fault> {
        let told = ring.consumed();
        let count = told.wrapping_sub(self.consumed);
        if count > self.published.wrapping_sub(self.consumed) {
            return Err(Fault::Consumed { told, published: self.published });
        }
        let first = self.consumed;
        self.consumed = told;
        Ok((first, count))
    }

    /// Asks to be rung when half of what is in flight has been consumed. Look once more with [`Producer::reclaim`]
    /// afterwards: only if there is still no room, and the wish is still [`Producer::to_come`], may one sleep.
    pub fn ask_for_room(&self, ring: &impl RingWords) -> u32 {
        let asked = self.written.wrapping_sub(self.in_flight() / 2);
        ring.set_room_at(asked);
        ring.fence_asked();
        asked
    }

    /// Whether the consumer has yet to come to where we have asked to be rung, as far as we have looked. If it has
    /// passed it already, it may have done so before it could see the wish, and will not ring for it.
    pub fn to_come(&self, asked: u32) -> bool {
        asked.wrapping_sub(self.consumed).wrapping_sub(1) < self.in_flight()
    }
}

/// The consumer's end.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Consumer {
    /// Published, as far as we have looked.
    produced: u32,
    /// Of them, taken.
    taken: u32,
    /// Of them, given back.
    released: u32,
}

impl Consumer {
    /// Descriptors that wait to be taken. Looks at the producer if none is known.
    ///
    /// # Errors
    /// [`Fault::Produced`].
    pub fn waiting(&mut self, ring: &impl RingWords) -> Result<u32, Fault> {
        if self.taken == self.produced {
            self.look(ring)?;
        }
        Ok(self.produced.wrapping_sub(self.taken))
    }

    /// Looks at the producer again.
    ///
    /// # Errors
    /// [`Fault::Produced`].
    pub fn look(&mut self, ring: &impl RingWords) -> Result<(), Fault> {
        let told = ring.produced();
        let known = self.produced.wrapping_sub(self.released);
        if told.wrapping_sub(self.produced) > RING_SLOTS - known {
            return Err(Fault::Produced { told, taken: self.taken });
        }
        self.produced = told;
        Ok(())
    }

    /// The descriptor that is `ahead` after the next; ask [`Consumer::waiting`] first whether it is there.
    pub fn peek(&self, ring: &impl RingWords, ahead: u32) -> [u64; 2] {
        debug_assert!(ahead < self.produced.wrapping_sub(self.taken));
        ring.descriptor(self.taken.wrapping_add(ahead))
    }

    /// Goes past `count` descriptors.
    pub fn take(&mut self, count: u32) {
        debug_assert!(count <= self.produced.wrapping_sub(self.taken));
        self.taken = self.taken.wrapping_add(count);
    }

    /// Gives back all that was taken since the last time, as one burst.
    pub fn release(&mut self, ring: &impl RingWords) -> Wake {
        let burst = self.taken.wrapping_sub(self.released);
        if burst == 0 {
            return Wake::NotNeeded;
        }
        ring.release(self.taken);
        ring.fence_released();
        let past = self.taken.wrapping_sub(ring.room_at());
        self.released = self.taken;
        Wake::when(past < burst)
    }

    /// Asks to be rung for the next descriptor, and looks once more: true if nothing has come and one may sleep.
    ///
    /// # Errors
    /// [`Fault::Produced`].
    pub fn arm(&mut self, ring: &impl RingWords) -> Result<bool, Fault> {
        ring.set_wake_at(self.taken);
        ring.fence_armed();
        self.look(ring)?;
        Ok(self.produced == self.taken)
    }

    /// Descriptors taken.
    pub fn taken(&self) -> u32 {
        self.taken
    }
}

#[cfg(test)]
mod tests;
