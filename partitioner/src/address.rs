//! Physical memory ranges.
//!
//! A [`MemoryRange`] is never empty and never wraps, so code that holds one need not ask. Addresses are plain `u64`
//! byte addresses in the machine's physical address space; lengths are bytes.

mod set;

use core::fmt;

use serde::{Deserialize, Serialize};

pub(crate) use set::RangeSet;

/// 4 KiB, the page of the architecture.
pub const PAGE: u64 = 4 << 10;
/// 1 MiB: below it a processor can start in real mode.
pub const MIB: u64 = 1 << 20;
/// 2 MiB: the grain in which partitions get memory, and the large page.
pub const LARGE_PAGE: u64 = 2 << 20;
/// 4 GiB.
pub const GIB_4: u64 = 4 << 30;

/// A range of physical memory: at least one byte, `start` inclusive, `end` exclusive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawRange", into = "RawRange")]
pub struct MemoryRange {
    start: u64,
    end: u64,
}

/// The range as it stands in a file: `start` inclusive, `end` exclusive, not yet checked.
#[derive(Serialize, Deserialize)]
struct RawRange {
    start: u64,
    end: u64,
}

impl MemoryRange {
    /// The range from `start` up to but without `end`; `None` if that is empty.
    pub const fn new(start: u64, end: u64) -> Option<Self> {
        if start < end { Some(Self { start, end }) } else { None }
    }

    /// The `len` bytes from `start`; `None` if there are none, or if they pass the end of the address space.
    pub const fn with_len(start: u64, len: u64) -> Option<Self> {
        match start.checked_add(len) {
            Some(end) => Self::new(start, end),
            None => None,
        }
    }

    /// First byte.
    pub const fn start(self) -> u64 {
        self.start
    }

    /// One past the last byte.
    pub const fn end(self) -> u64 {
        self.end
    }

    /// Length in bytes, never 0.
    #[expect(clippy::len_without_is_empty, reason = "a range is never empty")]
    pub const fn len(self) -> u64 {
        self.end - self.start
    }

    /// Whether every byte of `other` is also in `self`.
    pub const fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Whether the two have a byte in common.
    pub const fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// What the two have in common.
    pub fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }

    /// What is left of `self` below and above `other`.
    pub fn without(self, other: Self) -> [Option<Self>; 2] {
        [Self::new(self.start, self.end.min(other.start)), Self::new(self.start.max(other.end), self.end)]
    }

    /// The largest range inside whose two ends are multiples of `align`, a power of two.
    pub fn aligned_inside(self, align: u64) -> Option<Self> {
        debug_assert!(align.is_power_of_two());
        let start = self.start.checked_add(align - 1)? & !(align - 1);
        Self::new(start, self.end & !(align - 1))
    }

    /// The first `len` bytes and the rest; `None` if it is shorter than that, or `len` is 0.
    pub fn split_at(self, len: u64) -> Option<(Self, Option<Self>)> {
        let first = Self::with_len(self.start, len)?;
        (first.end <= self.end).then(|| (first, Self::new(first.end, self.end)))
    }
}

impl From<MemoryRange> for RawRange {
    fn from(range: MemoryRange) -> Self {
        Self { start: range.start, end: range.end }
    }
}

impl TryFrom<RawRange> for MemoryRange {
    type Error = &'static str;

    fn try_from(raw: RawRange) -> Result<Self, Self::Error> {
        Self::new(raw.start, raw.end).ok_or("a memory range must end after it starts")
    }
}

impl fmt::Display for MemoryRange {
    /// As `/proc/iomem` writes it: both ends inclusive.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#012x}-{:#012x}", self.start, self.end - 1)
    }
}

impl fmt::Debug for MemoryRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u64, end: u64) -> MemoryRange {
        MemoryRange::new(start, end).unwrap()
    }

    #[test]
    fn an_empty_or_wrapping_range_cannot_be_had() {
        assert_eq!(MemoryRange::new(8, 8), None);
        assert_eq!(MemoryRange::new(9, 8), None);
        assert_eq!(MemoryRange::with_len(u64::MAX, 2), None);
    }

    #[test]
    fn taking_a_hole_out_leaves_both_sides() {
        assert_eq!(range(0, 10).without(range(3, 5)), [Some(range(0, 3)), Some(range(5, 10))]);
        assert_eq!(range(0, 10).without(range(0, 10)), [None, None]);
        assert_eq!(range(0, 10).without(range(20, 30)), [Some(range(0, 10)), None]);
    }

    #[test]
    fn alignment_never_grows_a_range() {
        assert_eq!(range(1, 0x5fff).aligned_inside(PAGE), Some(range(0x1000, 0x5000)));
        assert_eq!(range(1, 0x1fff).aligned_inside(PAGE), None);
        assert_eq!(range(u64::MAX - 1, u64::MAX).aligned_inside(PAGE), None);
    }
}
