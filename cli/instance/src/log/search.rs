//! Finds the log of the Linux in some ranges of memory.

use crate::kernel::memory::Memory;
use crate::kernel::range::MemoryRange;
use crate::kernel::search::{self, SearchError};
use crate::log::ring::{Ring, RingError};

/// The log of the first kernel that has one in these ranges.
pub(crate) fn log<'m, M: Memory>(memory: &'m M, ranges: &[MemoryRange]) -> Result<Ring<'m, M>, SearchError<RingError>> {
    search::first(memory, ranges, "kernel log", |_, note| Ring::open(memory, &note))
}
