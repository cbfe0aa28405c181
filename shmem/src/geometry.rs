//! Where each part of a window lies: a pure function of its length and its [`Shape`], so all partitions agree on it.

use core::fmt;

use crate::header::HEADER_LEN;
use crate::pool::{BUFFER_LEN, GUARANTEED_BUFFERS};
use crate::ring::LANE_LEN;
use crate::{MAX_PARTITIONS, MAX_QUEUES};

/// How many partitions and queues a window is for. Having one means that both are within their limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    partitions: usize,
    queues: usize,
}

impl Shape {
    /// For `partitions` partitions, with `queues` rings for each ordered pair.
    ///
    /// # Errors
    /// [`GeometryError::Partitions`] and [`GeometryError::Queues`] for none or too many.
    pub const fn new(partitions: usize, queues: usize) -> Result<Self, GeometryError> {
        if partitions == 0 || partitions > MAX_PARTITIONS {
            return Err(GeometryError::Partitions(partitions));
        }
        if queues == 0 || queues > MAX_QUEUES {
            return Err(GeometryError::Queues(queues));
        }
        Ok(Self { partitions, queues })
    }

    /// Partitions, from 1 to [`MAX_PARTITIONS`].
    pub const fn partitions(self) -> usize {
        self.partitions
    }

    /// Queues for each ordered pair, from 1 to [`MAX_QUEUES`].
    pub const fn queues(self) -> usize {
        self.queues
    }

    /// Lanes of one partition: one for each queue and other partition.
    pub const fn lanes(self) -> usize {
        self.queues * (self.partitions - 1)
    }
}

/// Bytes from the start of a window of that shape that must be zero when the first partition starts: headers and
/// lanes.
pub const fn control_len(shape: Shape) -> u64 {
    let count = shape.partitions as u64;
    (count * HEADER_LEN + count * shape.lanes() as u64 * LANE_LEN).next_multiple_of(HEADER_LEN)
}

/// Where everything lies in a window. Having one means that all of it fits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    shape: Shape,
    pool_len: u64,
}

/// A window that cannot hold what it must.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GeometryError {
    /// No partition, or more than [`MAX_PARTITIONS`].
    Partitions(usize),
    /// No queue, or more than [`MAX_QUEUES`].
    Queues(usize),
    /// Too short.
    TooShort {
        /// Bytes it has.
        len: u64,
        /// Bytes it needs at the least.
        needed: u64,
    },
}

impl fmt::Display for GeometryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partitions(count) => write!(f, "a window is for 1 to {MAX_PARTITIONS} partitions, not {count}"),
            Self::Queues(count) => write!(f, "a pair has 1 to {MAX_QUEUES} queues, not {count}"),
            Self::TooShort { len, needed } => write!(f, "the window has {len} bytes and needs {needed}"),
        }
    }
}

impl core::error::Error for GeometryError {}

impl Geometry {
    /// The geometry of a window of `len` bytes.
    ///
    /// # Errors
    /// [`GeometryError::TooShort`] if a pool would not hold the buffers that are guaranteed to its destinations.
    pub fn new(len: u64, shape: Shape) -> Result<Self, GeometryError> {
        let count = shape.partitions as u64;
        let fixed = control_len(shape);
        let least = shape.lanes().max(1) as u64 * GUARANTEED_BUFFERS as u64 * BUFFER_LEN;
        let needed = fixed + count * least;
        if len < needed {
            return Err(GeometryError::TooShort { len, needed });
        }
        // A descriptor names a place in a pool by 32 bits.
        let pool_len = ((len - fixed) / count).min(u64::from(u32::MAX)) / BUFFER_LEN * BUFFER_LEN;
        Ok(Self { shape, pool_len })
    }

    /// What it is for.
    pub fn shape(self) -> Shape {
        self.shape
    }

    /// Offset of a partition's header page.
    pub fn header(self, partition: usize) -> u64 {
        debug_assert!(partition < self.shape.partitions);
        partition as u64 * HEADER_LEN
    }

    /// Offset of the lane that `owner` writes for `peer`, another partition.
    pub fn lane(self, owner: usize, queue: usize, peer: usize) -> u64 {
        debug_assert!(owner != peer && owner < self.shape.partitions && peer < self.shape.partitions);
        debug_assert!(queue < self.shape.queues);
        let count = self.shape.partitions;
        let others_before = if peer < owner { peer } else { peer - 1 };
        let number = (owner * self.shape.queues + queue) * (count - 1) + others_before;
        count as u64 * HEADER_LEN + number as u64 * LANE_LEN
    }

    /// Offset of a partition's transmit pool.
    pub fn pool(self, partition: usize) -> u64 {
        debug_assert!(partition < self.shape.partitions);
        control_len(self.shape) + partition as u64 * self.pool_len
    }

    /// Bytes of each transmit pool: a whole number of buffers, below 4 GiB.
    pub fn pool_len(self) -> u64 {
        self.pool_len
    }

    /// A number that two partitions share if they agree on where everything lies.
    pub fn fingerprint(self) -> u64 {
        let Shape { partitions, queues } = self.shape;
        self.pool_len << 16 | (queues as u64) << 8 | partitions as u64
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn shape(partitions: usize, queues: usize) -> Shape {
        Shape::new(partitions, queues).unwrap()
    }

    /// Every part as (start, end), in no order.
    fn parts(geometry: Geometry) -> Vec<(u64, u64)> {
        let mut parts = Vec::new();
        let partitions = geometry.shape().partitions();
        for owner in 0..partitions {
            parts.push((geometry.header(owner), geometry.header(owner) + HEADER_LEN));
            parts.push((geometry.pool(owner), geometry.pool(owner) + geometry.pool_len()));
            for peer in (0..partitions).filter(|peer| *peer != owner) {
                for queue in 0..geometry.shape().queues() {
                    let lane = geometry.lane(owner, queue, peer);
                    parts.push((lane, lane + LANE_LEN));
                }
            }
        }
        parts
    }

    #[test]
    fn parts_never_overlap_and_stay_inside() {
        for partitions in 1..=MAX_PARTITIONS {
            for queues in [1, 3] {
                let len = 512 << 20;
                let geometry = Geometry::new(len, shape(partitions, queues)).unwrap();
                let mut parts = parts(geometry);
                parts.sort_unstable();
                assert!(parts.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{partitions} partitions");
                assert!(parts.last().unwrap().1 <= len);
                assert!(parts.iter().all(|(start, _)| start % crate::LINE_PAIR == 0));
            }
        }
    }

    #[test]
    fn a_window_that_is_too_short_says_what_it_needs() {
        let four = shape(4, 1);
        let Err(GeometryError::TooShort { needed, .. }) = Geometry::new(4096, four) else {
            panic!("4 KiB is too short")
        };
        assert!(Geometry::new(needed, four).is_ok());
        assert!(Geometry::new(needed - 1, four).is_err());
    }

    #[test]
    fn no_partition_and_too_many_are_refused() {
        assert_eq!(Shape::new(0, 1), Err(GeometryError::Partitions(0)));
        assert_eq!(Shape::new(MAX_PARTITIONS + 1, 1), Err(GeometryError::Partitions(MAX_PARTITIONS + 1)));
        assert_eq!(Shape::new(2, 0), Err(GeometryError::Queues(0)));
        assert_eq!(Shape::new(2, MAX_QUEUES + 1), Err(GeometryError::Queues(MAX_QUEUES + 1)));
    }

    #[test]
    fn memory_grows_with_partitions_and_a_pair_costs_less_than_8_kib() {
        let cost = |partitions| control_len(shape(partitions, 1));
        let pairs = |partitions: u64| partitions * (partitions - 1);
        assert!((cost(16) - cost(15)) / (pairs(16) - pairs(15)) < 8 << 10);
        // The design's figure: 16 instances with pools of 4 MiB take 65 MiB.
        assert_eq!((cost(16) + ((16 * 4) << 20)) >> 20, 65);
    }

    #[test]
    fn whoever_disagrees_on_anything_has_another_fingerprint() {
        let base = Geometry::new(64 << 20, shape(4, 1)).unwrap();
        for other in [(64, 3, 1), (64, 4, 2), (32, 4, 1)] {
            let (mebibytes, partitions, queues) = other;
            let other = Geometry::new(mebibytes << 20, shape(partitions, queues)).unwrap();
            assert_ne!(base.fingerprint(), other.fingerprint());
        }
    }
}
