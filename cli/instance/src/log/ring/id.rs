//! The numbers of records.

use std::fmt;

/// The bits of a descriptor's state that hold its record's id; the highest two are its state.
pub(super) const ID: u64 = u64::MAX >> 2;

/// The number of a record, below 2^62. Numbers wrap around.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Id(pub(super) u64);

impl Id {
    /// The record after this one.
    pub(crate) fn next(self) -> Id {
        Id(self.0.wrapping_add(1) & ID)
    }

    /// The record so many before this one.
    pub(crate) fn before(self, records: u64) -> Id {
        Id(self.0.wrapping_sub(records) & ID)
    }

    /// How many records further on this one is than `other`.
    pub(crate) fn after(self, other: Id) -> u64 {
        self.0.wrapping_sub(other.0) & ID
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
