//! The shared memory window: where everything in it lies.
//!
//! The window is one region of physical memory, reserved in every instance's memory map and announced to each kernel
//! by an ACPI device. **One rule: every cache line has exactly one writer, and lies in that writer's part of the
//! window**, so a part belongs to a partition, and a dead partition's part is never written.
//!
//! ```text
//! 0                    header page of partition 0     ┐
//! 4 KiB                header page of partition 1     │ HEADER_LEN each: identity, generation, state, heartbeat
//! ...                                                 ┘
//! rings_start          rings that partition 0 produces into, one for each other partition      ┐ RING_LEN each
//! ...                  rings that partition 1 produces into                                    ┘
//! pools_start          transmit pool of partition 0   ┐
//!                      transmit pool of partition 1   │ what is left, shared out evenly, in whole buffers
//! ...                                                 ┘
//! ```
//!
//! A window whose headers and rings are all zero is a valid, idle one: no partition has come up yet. So whoever makes
//! the window only has to clear its first [`control_len`] bytes; what a pool holds means nothing until a descriptor
//! names it. Buffers are O(n) in the number of partitions, rings O(n²) but small.
//!
//! This crate fixes the geometry. The accesses, through atomics and volatile copies only, come with the driver that
//! makes them.

#![no_std]

/// Most partitions of a window: a partition's slice below 1 MiB limits a machine to fewer than this.
pub const MAX_PARTITIONS: usize = 32;

/// A partition's header page, in bytes.
pub const HEADER_LEN: u64 = 4096;

/// Descriptors of a ring.
pub const RING_SLOTS: u64 = 256;
/// Bytes of a descriptor.
pub const DESCRIPTOR_LEN: u64 = 16;
/// Two cache lines: the adjacent-line prefetcher fetches them in pairs, so what two cores write must lie this far apart.
pub const LINE_PAIR: u64 = 128;
/// A ring: its descriptors, and a producer's and a consumer's pair of lines, each with its cold half apart.
pub const RING_LEN: u64 = RING_SLOTS * DESCRIPTOR_LEN + 4 * LINE_PAIR;

/// A transmit buffer: an Ethernet frame of the ordinary MTU with its offload metadata.
pub const BUFFER_LEN: u64 = 2048;
/// Buffers that each destination is guaranteed, so that a stalled peer cannot drain a pool.
pub const GUARANTEED_BUFFERS: u64 = 16;

const _: () = assert!(RING_LEN < 8 << 10, "a pair costs less than 8 KiB");
const _: () = assert!(RING_LEN.is_multiple_of(LINE_PAIR), "no two rings share a pair of lines");

/// Bytes from the start of a window for that many partitions that must be zero when the first of them starts: headers
/// and rings.
pub const fn control_len(partitions: usize) -> u64 {
    let count = partitions as u64;
    (count * HEADER_LEN + count * count.saturating_sub(1) * RING_LEN).next_multiple_of(HEADER_LEN)
}

/// Where everything lies in a window for that many partitions. Having one means that all of it fits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    partitions: u64,
    pool_len: u64,
}

/// A window that cannot hold what it must.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GeometryError {
    /// No partition, or more than [`MAX_PARTITIONS`].
    Partitions(usize),
    /// Too short.
    TooShort {
        /// Bytes it has.
        len: u64,
        /// Bytes it needs at the least.
        needed: u64,
    },
}

impl core::fmt::Display for GeometryError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Partitions(count) => write!(f, "a window is for 1 to {MAX_PARTITIONS} partitions, not {count}"),
            Self::TooShort { len, needed } => write!(f, "the window has {len} bytes and needs {needed}"),
        }
    }
}

impl core::error::Error for GeometryError {}

impl Geometry {
    /// The geometry of a window of `len` bytes for `partitions` partitions.
    ///
    /// # Errors
    /// If there are too many partitions, or if each pool would not hold its guaranteed buffers.
    pub fn new(len: u64, partitions: usize) -> Result<Self, GeometryError> {
        if !(1..=MAX_PARTITIONS).contains(&partitions) {
            return Err(GeometryError::Partitions(partitions));
        }
        let count = partitions as u64;
        let fixed = control_len(partitions);
        let least = (count - 1).max(1) * GUARANTEED_BUFFERS * BUFFER_LEN;
        let needed = fixed + count * least;
        if len < needed {
            return Err(GeometryError::TooShort { len, needed });
        }
        let pool_len = (len - fixed) / count / BUFFER_LEN * BUFFER_LEN;
        Ok(Self { partitions: count, pool_len })
    }

    /// Offset of a partition's header page.
    pub fn header(self, partition: usize) -> u64 {
        partition as u64 * HEADER_LEN
    }

    /// Offset of the ring from `producer` to `consumer`, two different partitions.
    pub fn ring(self, producer: usize, consumer: usize) -> u64 {
        debug_assert_ne!(producer, consumer);
        let others_before = if consumer < producer { consumer } else { consumer - 1 };
        self.partitions * HEADER_LEN + (producer as u64 * (self.partitions - 1) + others_before as u64) * RING_LEN
    }

    /// Offset of a partition's transmit pool.
    pub fn pool(self, partition: usize) -> u64 {
        control_len(self.partitions as usize) + partition as u64 * self.pool_len
    }

    /// Bytes of each transmit pool: a whole number of buffers.
    pub fn pool_len(self) -> u64 {
        self.pool_len
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;

    use alloc::vec::Vec;

    use super::*;

    /// Every part as (start, end), in no order.
    fn parts(geometry: Geometry, partitions: usize) -> Vec<(u64, u64)> {
        let mut parts = Vec::new();
        for producer in 0..partitions {
            parts.push((geometry.header(producer), geometry.header(producer) + HEADER_LEN));
            parts.push((geometry.pool(producer), geometry.pool(producer) + geometry.pool_len()));
            for consumer in (0..partitions).filter(|consumer| *consumer != producer) {
                let ring = geometry.ring(producer, consumer);
                parts.push((ring, ring + RING_LEN));
            }
        }
        parts
    }

    #[test]
    fn parts_never_overlap_and_stay_inside() {
        for partitions in 1..=MAX_PARTITIONS {
            let len = 64 << 20;
            let mut parts = parts(Geometry::new(len, partitions).unwrap(), partitions);
            parts.sort_unstable();
            assert!(parts.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{partitions} partitions");
            assert!(parts.last().unwrap().1 <= len);
        }
    }

    #[test]
    fn a_window_that_is_too_short_says_what_it_needs() {
        let Err(GeometryError::TooShort { needed, .. }) = Geometry::new(4096, 4) else { panic!("4 KiB is too short") };
        assert!(Geometry::new(needed, 4).is_ok());
        assert!(Geometry::new(needed - 1, 4).is_err());
    }

    #[test]
    fn no_partition_and_too_many_are_refused() {
        assert_eq!(Geometry::new(1 << 30, 0), Err(GeometryError::Partitions(0)));
        assert_eq!(Geometry::new(1 << 30, MAX_PARTITIONS + 1), Err(GeometryError::Partitions(MAX_PARTITIONS + 1)));
    }
}
