//! Lanes, and the rings whose words lie in them.
//!
//! A lane is written by its owner alone, for one peer and queue:
//!
//! ```text
//! 0x000  room_at     u32   the owner, as a producer, wants to be rung when the peer has consumed that many
//! 0x080  consumed    u32   how many of the peer's descriptors the owner has given back, in all (modulo 2³²)
//! 0x100  wake_at     u32   the owner, as a consumer, wants to be rung when the peer publishes descriptor number wake_at
//! 0x180  descriptors       RING_SLOTS of 16 bytes; number n in slot n % RING_SLOTS
//! ```
//!
//! So the ring from A to B is `room_at` and `descriptors` of A's lane for B, with `consumed` and `wake_at` of B's lane
//! for A. No word counts what was produced: a bit in each descriptor shows in which lap around the ring it was written
//! ([`lap_bit`]), so a consumer that waits looks at the very line that it is to read.

use core::sync::atomic::{AtomicU32, AtomicU64};

use crate::LINE_PAIR;

/// Descriptors of a ring.
pub const RING_SLOTS: u32 = 256;
/// Bytes of a descriptor.
pub const DESCRIPTOR_LEN: u64 = 16;

/// Offset of `room_at`.
pub const ROOM_AT: u64 = 0;
/// Offset of `consumed`.
pub const CONSUMED_AT: u64 = LINE_PAIR;
/// Offset of `wake_at`.
pub const WAKE_AT: u64 = 2 * LINE_PAIR;
/// Offset of the descriptors.
pub const DESCRIPTORS_AT: u64 = 3 * LINE_PAIR;
/// Bytes of a lane.
pub const LANE_LEN: u64 = DESCRIPTORS_AT + RING_SLOTS as u64 * DESCRIPTOR_LEN;

/// The bit of a descriptor's first word that holds its lap.
pub const LAP: u64 = 1 << 63;

const _: () = assert!(RING_SLOTS.is_power_of_two(), "indices count on modulo 2³²");
const _: () = assert!(LANE_LEN < 8 << 10, "an ordered pair costs less than 8 KiB");
const _: () = assert!(LANE_LEN.is_multiple_of(LINE_PAIR), "no two lanes share a pair of lines");

/// [`LAP`] as it is in descriptor `number` once that has been published: set in the first lap and every other one after
/// it, so that a ring of zeroes has none.
pub const fn lap_bit(number: u32) -> u64 {
    if number & RING_SLOTS == 0 { LAP } else { 0 }
}

/// A descriptor: two words, each loaded and stored whole.
#[repr(C, align(16))]
pub struct Descriptor(pub [AtomicU64; 2]);

const _: () = assert!(size_of::<Descriptor>() as u64 == DESCRIPTOR_LEN);

/// One ring, seen from either end.
#[derive(Clone, Copy)]
pub struct Ring<'w> {
    /// Written by the producer.
    pub room_at: &'w AtomicU32,
    /// Written by the producer.
    pub descriptors: &'w [Descriptor; RING_SLOTS as usize],
    /// Written by the consumer.
    pub consumed: &'w AtomicU32,
    /// Written by the consumer.
    pub wake_at: &'w AtomicU32,
}

impl<'w> Ring<'w> {
    /// The descriptor with that number.
    #[inline]
    pub fn descriptor(&self, number: u32) -> &'w Descriptor {
        &self.descriptors[(number % RING_SLOTS) as usize]
    }
}
