//! Lanes, and the rings whose words lie in them.
//!
//! A lane is written by its owner alone, for one peer and queue:
//!
//! ```text
//! 0x000  produced    u32   how many descriptors the owner has published to the peer, ever (modulo 2³²)
//! 0x080  room_at     u32   the owner, as a producer, wants to be rung when the peer has consumed that many
//! 0x100  consumed    u32   how many of the peer's descriptors the owner is done with, ever
//! 0x180  wake_at     u32   the owner, as a consumer, wants to be rung when the peer publishes descriptor number wake_at
//! 0x200  descriptors       RING_SLOTS of 16 bytes; number n in slot n % RING_SLOTS
//! ```
//!
//! So the ring from A to B is `produced`, `room_at` and `descriptors` of A's lane for B, with `consumed` and `wake_at`
//! of B's lane for A. What is read on every publication stands apart from what is read now and then.

use core::sync::atomic::{AtomicU32, AtomicU64};

use crate::LINE_PAIR;

/// Descriptors of a ring.
pub const RING_SLOTS: u32 = 256;
/// Bytes of a descriptor.
pub const DESCRIPTOR_LEN: u64 = 16;

/// Offset of the producer's index.
pub const PRODUCED_AT: u64 = 0;
/// Offset of the producer's wish.
pub const ROOM_AT: u64 = LINE_PAIR;
/// Offset of the consumer's index.
pub const CONSUMED_AT: u64 = 2 * LINE_PAIR;
/// Offset of the consumer's wish.
pub const WAKE_AT: u64 = 3 * LINE_PAIR;
/// Offset of the descriptors.
pub const DESCRIPTORS_AT: u64 = 4 * LINE_PAIR;
/// Bytes of a lane.
pub const LANE_LEN: u64 = DESCRIPTORS_AT + RING_SLOTS as u64 * DESCRIPTOR_LEN;

const _: () = assert!(RING_SLOTS.is_power_of_two(), "indices count on modulo 2³²");
const _: () = assert!(LANE_LEN < 8 << 10, "an ordered pair costs less than 8 KiB");
const _: () = assert!(LANE_LEN.is_multiple_of(LINE_PAIR), "no two lanes share a pair of lines");

/// A descriptor: two words, each loaded and stored whole.
#[repr(C, align(16))]
pub struct Descriptor(pub [AtomicU64; 2]);

const _: () = assert!(size_of::<Descriptor>() as u64 == DESCRIPTOR_LEN);

/// One ring, seen from either end.
#[derive(Clone, Copy)]
pub struct Ring<'w> {
    /// Written by the producer.
    pub produced: &'w AtomicU32,
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
    pub fn descriptor(&self, number: u32) -> &'w Descriptor {
        &self.descriptors[(number % RING_SLOTS) as usize]
    }
}
