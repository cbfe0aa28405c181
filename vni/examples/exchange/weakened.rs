//! The words of a ring in a window, with one ordering left out or none.

use std::sync::atomic::Ordering;

use shmem::ring::Ring;
use vni::ring::RingWords;

/// Which ordering is left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lacks {
    Nothing,
    /// The producer's release: frames are read that, for all that is said, may not be written yet.
    Publish,
    /// The consumer's release: buffers are written that, for all that is said, may still be read.
    Release,
}

impl Lacks {
    /// As the environment names it.
    pub(crate) fn from_word(word: Option<&str>) -> Self {
        match word {
            None => Self::Nothing,
            Some("publish") => Self::Publish,
            Some("release") => Self::Release,
            Some(other) => panic!("SPRIG_WEAKENED is publish or release, not {other}"),
        }
    }
}

/// A ring that lacks something.
pub(crate) struct Weakened<'w> {
    pub(crate) ring: Ring<'w>,
    pub(crate) lacks: Lacks,
}

impl RingWords for Weakened<'_> {
    fn publish(&self, number: u32, first_word: u64) {
        match self.lacks {
            Lacks::Publish => self.ring.descriptor(number).0[0].store(first_word, Ordering::Relaxed),
            _ => self.ring.publish(number, first_word),
        }
    }

    fn release(&self, consumed: u32) {
        match self.lacks {
            Lacks::Release => self.ring.consumed.store(consumed, Ordering::Relaxed),
            _ => self.ring.release(consumed),
        }
    }

    fn first_word(&self, number: u32) -> u64 {
        self.ring.first_word(number)
    }

    fn second_word(&self, number: u32) -> u64 {
        self.ring.second_word(number)
    }

    fn consumed(&self) -> u32 {
        self.ring.consumed()
    }

    fn wake_at(&self) -> u32 {
        self.ring.wake_at()
    }

    fn set_wake_at(&self, index: u32) {
        self.ring.set_wake_at(index);
    }

    fn room_at(&self) -> u32 {
        self.ring.room_at()
    }

    fn set_room_at(&self, index: u32) {
        self.ring.set_room_at(index);
    }

    fn set_words(&self, number: u32, words: [u64; 2]) {
        self.ring.set_words(number, words);
    }

    fn set_second_word(&self, number: u32, word: u64) {
        self.ring.set_second_word(number, word);
    }

    fn clear_produced(&self) {
        self.ring.clear_produced();
    }

    fn clear_consumed(&self) {
        self.ring.clear_consumed();
    }

    fn fence_published(&self) {
        self.ring.fence_published();
    }

    fn fence_armed(&self) {
        self.ring.fence_armed();
    }

    fn fence_released(&self) {
        self.ring.fence_released();
    }

    fn fence_asked(&self) {
        self.ring.fence_asked();
    }
}
