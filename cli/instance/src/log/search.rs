//! Finds the log of the Linux in some ranges of memory.

use crate::kernel::memory::{Memory, MemoryError, Physical};
use crate::kernel::note::{Note, candidates};
use crate::kernel::range::MemoryRange;
use crate::log::ring::{Ring, RingError};

/// Why no log was found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SearchError {
    /// The memory cannot be read.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// No page begins like a note.
    #[error("no kernel log in {}: the kernel there has not set up its log yet, or is not a Linux kernel", list(ranges))]
    Nothing {
        /// The ranges that were searched.
        ranges: Vec<MemoryRange>,
    },
    /// Some pages begin like a note, but none of them leads to a log.
    #[error(
        "no kernel log in {}: {refused} page(s) look like a Linux kernel's vmcoreinfo, and none leads to a log; the last, at \
         {at} (of {release}): {error}",
        list(ranges)
    )]
    Refused {
        /// The ranges that were searched.
        ranges: Vec<MemoryRange>,
        /// The number of these pages.
        refused: u64,
        /// The last of them.
        at: Physical,
        /// The kernel's release according to that page.
        release: String,
        /// What is wrong with it.
        error: RingError,
    },
}

/// The log of the first kernel that has one in these ranges.
pub(crate) fn log<'m, M: Memory>(memory: &'m M, ranges: &[MemoryRange]) -> Result<Ring<'m, M>, SearchError> {
    let mut last = None;
    let mut refused = 0;
    for at in candidates(memory, ranges) {
        let at = at?;
        let Some(note) = Note::read(memory, at) else { continue };
        match Ring::open(memory, &note) {
            Ok(ring) => return Ok(ring),
            Err(error) => last = Some((at, note, error)),
        }
        refused += 1;
    }
    let ranges = ranges.to_vec();
    Err(match last {
        None => SearchError::Nothing { ranges },
        Some((at, note, error)) => {
            let release = note.release().unwrap_or_default().escape_debug().to_string();
            SearchError::Refused { ranges, refused, at, release, error }
        }
    })
}

fn list(ranges: &[MemoryRange]) -> String {
    ranges.iter().map(MemoryRange::to_string).collect::<Vec<_>>().join(", ")
}
