//! Sets of memory.

use alloc::vec::Vec;

use super::MemoryRange;

/// A set of bytes of physical memory: its ranges are sorted, and neither overlap nor touch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct RangeSet(Vec<MemoryRange>);

impl RangeSet {
    /// Every byte that is in one of `ranges`.
    pub(crate) fn union(ranges: impl IntoIterator<Item = MemoryRange>) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().collect();
        ranges.sort_unstable();
        let mut joined: Vec<MemoryRange> = Vec::with_capacity(ranges.len());
        for range in ranges {
            let onto_last = joined
                .last_mut()
                .filter(|last| range.start() <= last.end())
                .and_then(|last| Some((MemoryRange::new(last.start(), last.end().max(range.end()))?, last)));
            match onto_last {
                Some((longer, last)) => *last = longer,
                None => joined.push(range),
            }
        }
        Self(joined)
    }

    pub(crate) fn ranges(&self) -> &[MemoryRange] {
        &self.0
    }

    pub(crate) fn into_ranges(self) -> Vec<MemoryRange> {
        self.0
    }

    /// How many bytes it holds.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|range| range.len()).sum()
    }

    /// The length of its longest range.
    pub(crate) fn longest(&self) -> u64 {
        self.0.iter().map(|range| range.len()).max().unwrap_or(0)
    }

    pub(crate) fn contains(&self, range: MemoryRange) -> bool {
        self.0.iter().any(|mine| mine.contains(range))
    }

    pub(crate) fn remove(&mut self, range: MemoryRange) {
        self.0 = self.0.iter().flat_map(|mine| mine.without(range)).flatten().collect();
    }

    /// What both hold.
    pub(crate) fn intersection(&self, other: &Self) -> Self {
        let common = |mine: &MemoryRange| {
            let mine = *mine;
            other.0.iter().filter_map(move |theirs| mine.intersection(*theirs))
        };
        Self(self.0.iter().flat_map(common).collect())
    }

    /// What is left without the bytes of `other`.
    pub(crate) fn difference(&self, other: &Self) -> Self {
        let mut left = self.clone();
        other.0.iter().for_each(|range| left.remove(*range));
        left
    }

    /// The part of each range whose two ends are multiples of `align`, a power of two.
    pub(crate) fn aligned(&self, align: u64) -> Self {
        Self(self.0.iter().filter_map(|range| range.aligned_inside(align)).collect())
    }

    /// The lowest `len` bytes in one piece that start at a multiple of `align`.
    pub(crate) fn lowest(&self, len: u64, align: u64) -> Option<MemoryRange> {
        self.0.iter().find_map(|range| {
            let found = MemoryRange::with_len(range.start().checked_next_multiple_of(align)?, len)?;
            range.contains(found).then_some(found)
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    fn range(start: u64, end: u64) -> MemoryRange {
        MemoryRange::new(start, end).unwrap()
    }

    #[test]
    fn touching_ranges_become_one() {
        let set = RangeSet::union([range(5, 9), range(0, 3), range(3, 5), range(20, 30), range(21, 22)]);
        assert_eq!(set.ranges(), [range(0, 9), range(20, 30)]);
    }

    #[test]
    fn the_lowest_place_is_found_first() {
        let set = RangeSet::union([range(0x1800, 0x3000), range(0x4000, 0x9000)]);
        assert_eq!(set.lowest(0x1000, 0x1000), Some(range(0x2000, 0x3000)));
        assert_eq!(set.lowest(0x2000, 0x1000), Some(range(0x4000, 0x6000)));
        assert_eq!(set.lowest(0x6000, 0x1000), None);
    }

    /// A set, as the bytes that it holds.
    fn bytes(set: &RangeSet) -> Vec<bool> {
        let mut bytes = vec![false; 64];
        set.ranges().iter().for_each(|range| bytes[range.start() as usize..range.end() as usize].fill(true));
        bytes
    }

    fn some_set() -> impl Strategy<Value = RangeSet> {
        let some_range = (0_u64..60, 1_u64..5).prop_map(|(start, len)| range(start, start + len));
        prop::collection::vec(some_range, 0..8).prop_map(RangeSet::union)
    }

    proptest! {
        #[test]
        fn sets_of_ranges_behave_as_sets_of_bytes(a in some_set(), b in some_set()) {
            let with = |meet: fn(bool, bool) -> bool| -> Vec<bool> {
                bytes(&a).into_iter().zip(bytes(&b)).map(|(a, b)| meet(a, b)).collect()
            };
            prop_assert_eq!(bytes(&a.intersection(&b)), with(|a, b| a && b));
            prop_assert_eq!(bytes(&a.difference(&b)), with(|a, b| a && !b));
            prop_assert_eq!(bytes(&RangeSet::union([a.ranges(), b.ranges()].concat())), with(|a, b| a || b));
            prop_assert_eq!(a.total(), bytes(&a).iter().filter(|held| **held).count() as u64);
        }
    }
}
