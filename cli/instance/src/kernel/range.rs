//! Physical memory ranges as `/proc/iomem`, the plan and the driver write them: `0x400000-0x203fffff`, the last byte
//! included.

use std::fmt;
use std::str::FromStr;

use crate::kernel::memory::{PAGE, Physical};

/// Whole pages of physical memory, at least one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MemoryRange {
    first: u64,
    last: u64,
}

/// Why a text is not a range.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum RangeError {
    /// It has another form.
    #[error("{0:?} is not a memory range; write one as 0x400000-0x203fffff, the last byte included")]
    Unreadable(String),
    /// It ends before it starts, or begins or ends within a page.
    #[error("{0:?} is not made of whole pages of {PAGE} bytes")]
    Uneven(String),
}

impl MemoryRange {
    /// From the byte at `first` to that at `last`; `None` unless these are whole pages.
    pub(crate) const fn new(first: u64, last: u64) -> Option<Self> {
        let is_whole = first.is_multiple_of(PAGE) && last % PAGE == PAGE - 1;
        if first < last && is_whole { Some(Self { first, last }) } else { None }
    }

    /// Its first byte.
    pub(crate) const fn first(self) -> u64 {
        self.first
    }

    /// Its last byte.
    pub(crate) const fn last(self) -> u64 {
        self.last
    }

    /// How many bytes it has.
    pub(crate) const fn len(self) -> u64 {
        // The length of the whole address space would be 2^64.
        (self.last - self.first).saturating_add(1)
    }

    /// How many bytes there are from `at` on; `None` if `at` lies outside.
    pub(crate) const fn rest(self, at: Physical) -> Option<u64> {
        if self.first <= at.0 && at.0 <= self.last { Some((self.last - at.0).saturating_add(1)) } else { None }
    }

    /// The addresses of its pages.
    pub(crate) fn pages(self) -> impl Iterator<Item = Physical> {
        (self.first / PAGE..=self.last / PAGE).map(|number| Physical(number * PAGE))
    }
}

impl FromStr for MemoryRange {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let number = |text: &str| u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok();
        let (first, last) = text
            .split_once('-')
            .and_then(|(first, last)| Some((number(first)?, number(last)?)))
            .ok_or_else(|| RangeError::Unreadable(text.to_owned()))?;
        Self::new(first, last).ok_or_else(|| RangeError::Uneven(text.to_owned()))
    }
}

impl fmt::Display for MemoryRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}-{:#x}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_the_plan_writes_it_and_as_iomem_does() {
        let range = MemoryRange::new(0x40_0000, 0x203f_ffff).unwrap();
        assert_eq!("0x0000400000-0x00203fffff".parse(), Ok(range));
        assert_eq!("00400000-203fffff".parse(), Ok(range));
        assert_eq!(range.to_string(), "0x400000-0x203fffff");
    }

    #[test]
    fn what_is_no_range_of_whole_pages_is_refused() {
        for text in ["", "-", "0x1000", "0x1000-", "web", "0x-0x1000-0xfff", "+-+"] {
            let refused = text.parse::<MemoryRange>();
            assert_eq!(refused, Err(RangeError::Unreadable(text.to_owned())));
        }
        for text in ["0x1000-0x1000", "0x2000-0x1fff", "0x1000-0x2000", "0x1800-0x27ff"] {
            assert_eq!(text.parse::<MemoryRange>(), Err(RangeError::Uneven(text.to_owned())));
        }
    }

    #[test]
    fn the_last_page_of_all_is_counted_like_others() {
        let range = MemoryRange::new(0xffff_ffff_ffff_f000, u64::MAX).unwrap();
        assert_eq!(range.pages().collect::<Vec<_>>(), [Physical(range.first())]);
        assert_eq!((range.rest(Physical(u64::MAX)), range.rest(Physical(0))), (Some(1), None));
    }
}
