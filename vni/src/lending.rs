//! Frames that are lent where they lie, in the peer's pool, and given back in any order and by any thread.
//!
//! ```text
//! word n   bits  0..32  a bit for each descriptor in the slots from 32 n on: its frame is lent
//!          bits 32..64  the life of the ring in which these were lent; what it says of another life counts for nothing
//! ```
//!
//! A frame has the bit of its first descriptor. A ring itself is given back in order, so a frame that is kept holds up the
//! buffers of those behind it, and after [`RING_SLOTS`] descriptors the lane. A ring that begins anew has another life:
//! then all buffers are the peer's again, what was lent may change, and giving it back does nothing.
//!
//! The words are private memory: a peer neither sees nor changes them.

use core::sync::atomic::{AtomicU64, Ordering};

use heapless::Vec;
use shmem::ring::RING_SLOTS;

use crate::descriptor::{Offload, Piece};
use crate::packer::MAX_BUFFERS_OF_FRAME;

/// Most pieces of a frame that is lent. Our senders need no more.
pub const MAX_LENT_PIECES: usize = MAX_BUFFERS_OF_FRAME;

/// Descriptors of a word.
const BITS: u32 = 32;
const WORDS: usize = (RING_SLOTS / BITS) as usize;

/// A frame that has been taken from its ring and lies where it was. Its pieces were checked; their bytes are the peer's, and
/// can change at any time.
#[derive(PartialEq, Eq, Debug)]
pub struct Lent {
    /// Its bytes.
    pub len: usize,
    /// Its metadata. They fit the first bytes as they were copied, which are to be used in place of those in the pool.
    pub offload: Offload,
    /// How many first bytes were copied: none if there are no metadata.
    pub head_len: usize,
    /// Where its bytes lie in the peer's pool, in their order.
    pub pieces: Vec<Piece, MAX_LENT_PIECES>,
    /// The number of its first descriptor.
    pub(crate) first: u32,
    /// Of the ring.
    pub(crate) life: u32,
}

/// Why a frame was not lent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotLent {
    /// None was peeked, or its link has begun anew since.
    NoFrame,
    /// It lies in more pieces than are lent. It still waits: it can be copied or skipped.
    Pieces,
    /// Its offload metadata do not fit its headers. It was dropped.
    BadOffload,
}

/// The words of a ring's loans. Each method is one access, with the ordering that it needs.
pub trait LoanWords {
    /// Loads a word by acquire. Partner of [`LoanWords::give_back`]: what the borrower read it has read before the buffers
    /// go back.
    fn word(&self, index: usize) -> u64;
    /// Replaces a word that is still `old`, else what it is now. The ring is the lender's own, so this orders nothing.
    fn lend(&self, index: usize, old: u64, new: u64) -> Result<(), u64>;
    /// Replaces a word that is still `old`, by release, else what it is now.
    fn give_back(&self, index: usize, old: u64, new: u64) -> Result<(), u64>;
}

/// What is lent of one ring. All zero, nothing is.
#[derive(Default, Debug)]
pub struct Loans([AtomicU64; WORDS]);

impl LoanWords for Loans {
    #[inline]
    fn word(&self, index: usize) -> u64 {
        self.0[index].load(Ordering::Acquire)
    }

    #[inline]
    fn lend(&self, index: usize, old: u64, new: u64) -> Result<(), u64> {
        self.0[index].compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed).map(drop)
    }

    #[inline]
    fn give_back(&self, index: usize, old: u64, new: u64) -> Result<(), u64> {
        self.0[index].compare_exchange(old, new, Ordering::Release, Ordering::Relaxed).map(drop)
    }
}

/// Where the bit of a descriptor is.
#[inline]
fn place(number: u32) -> (usize, u32) {
    let slot = number % RING_SLOTS;
    ((slot / BITS) as usize, slot % BITS)
}

/// The bits of a word, if they are of that life.
#[inline]
fn bits(word: u64, life: u32) -> u32 {
    if (word >> 32) as u32 == life { word as u32 } else { 0 }
}

#[inline]
fn word(bits: u32, life: u32) -> u64 {
    u64::from(life) << 32 | u64::from(bits)
}

/// Notes that the frame that begins with a descriptor is lent.
#[inline]
pub fn lend(words: &impl LoanWords, number: u32, life: u32) {
    let (index, bit) = place(number);
    let mut old = words.word(index);
    // It fails only while others give back, and each of them does so once.
    while let Err(now) = words.lend(index, old, word(bits(old, life) | 1 << bit, life)) {
        old = now;
    }
}

/// Notes that it is not lent any more.
#[inline]
pub fn give_back(words: &impl LoanWords, number: u32, life: u32) {
    let (index, bit) = place(number);
    let mut old = words.word(index);
    while bits(old, life) & 1 << bit != 0 {
        match words.give_back(index, old, old & !(1 << bit)) {
            Ok(()) => return,
            Err(now) => old = now,
        }
    }
}

/// The first descriptor from `from` on whose frame is lent, or `to` if there is none before it.
#[inline]
pub fn first_lent(words: &impl LoanWords, from: u32, to: u32, life: u32) -> u32 {
    let mut number = from;
    while number != to {
        let (index, bit) = place(number);
        let here = (BITS - bit).min(to.wrapping_sub(number));
        let free = (bits(words.word(index), life) >> bit).trailing_zeros().min(here);
        number = number.wrapping_add(free);
        if free < here {
            break;
        }
    }
    number
}

impl Lent {
    /// Gives it back, to the loans that it was noted in. Its buffers are the peer's again with the next release. Once given
    /// back, there is nothing left of it to be given back again.
    #[inline]
    pub fn give_back(&mut self, loans: &Loans) {
        if !self.pieces.is_empty() {
            self.pieces.clear();
            give_back(loans, self.first, self.life);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    use super::*;

    /// Every start of a ring that matters: fresh, within a word, before its end, before the numbers' end.
    const STARTS: [u32; 5] = [0, 5, RING_SLOTS - 3, 31, u32::MAX - 40];

    #[test]
    fn nothing_is_lent_at_first_and_a_frame_stops_what_comes_after_it() {
        for start in STARTS {
            let loans = Loans::default();
            let at = |ahead| start.wrapping_add(ahead);
            assert_eq!(first_lent(&loans, start, at(RING_SLOTS), 1), at(RING_SLOTS));
            lend(&loans, at(70), 1);
            lend(&loans, at(40), 1);
            assert_eq!(first_lent(&loans, start, at(RING_SLOTS), 1), at(40));
            assert_eq!(first_lent(&loans, start, at(40), 1), at(40), "it ends where one asks it to");
            assert_eq!(first_lent(&loans, start, at(9), 1), at(9));
            give_back(&loans, at(40), 1);
            assert_eq!(first_lent(&loans, start, at(RING_SLOTS), 1), at(70));
            give_back(&loans, at(70), 1);
            assert_eq!(first_lent(&loans, start, at(RING_SLOTS), 1), at(RING_SLOTS));
        }
    }

    #[test]
    fn what_was_lent_in_an_earlier_life_is_not_lent_and_gives_nothing_back() {
        let loans = Loans::default();
        lend(&loans, 3, 1);
        assert_eq!(first_lent(&loans, 0, 32, 2), 32);
        lend(&loans, 3, 2);
        give_back(&loans, 3, 1);
        assert_eq!(first_lent(&loans, 0, 32, 2), 3);
        give_back(&loans, 3, 2);
        give_back(&loans, 3, 2);
        assert_eq!(first_lent(&loans, 0, 32, 2), 32);
    }

    proptest! {
        #[test]
        fn it_finds_what_a_set_finds(
            start in any::<u32>(),
            acts in prop::collection::vec((any::<bool>(), 0..RING_SLOTS), 0..100),
            len in 0..=RING_SLOTS,
        ) {
            let (loans, mut set) = (Loans::default(), BTreeSet::new());
            for (is_loan, ahead) in acts {
                let number = start.wrapping_add(ahead);
                if is_loan {
                    lend(&loans, number, 7);
                    set.insert(ahead);
                } else {
                    give_back(&loans, number, 7);
                    set.remove(&ahead);
                }
            }
            let expected = set.first().copied().unwrap_or(len).min(len);
            prop_assert_eq!(first_lent(&loans, start, start.wrapping_add(len), 7), start.wrapping_add(expected));
        }
    }
}
