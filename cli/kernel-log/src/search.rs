//! Finds the log of the Linux that lies in some ranges of memory.

use crate::memory::{Fault, Memory, Physical};
use crate::note::{Note, candidates};
use crate::range::MemoryRange;
use crate::ring::{Ring, RingError};

/// Why no log was found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SearchError {
    /// The memory is not handed out.
    #[error(transparent)]
    Memory(#[from] Fault),
    /// No page begins as a note does.
    #[error("no kernel log in {}: what runs there has not come so far, or is not a Linux kernel", told(ranges))]
    Nothing {
        /// Where it was sought.
        ranges: Vec<MemoryRange>,
    },
    /// Pages begin so, and none of them leads to a log.
    #[error(
        "no kernel log in {}: {refused} page(s) look like a Linux kernel's vmcoreinfo, and none leads to a log; the last, at \
         {at} (of {release}): {error}",
        told(ranges)
    )]
    Refused {
        /// Where it was sought.
        ranges: Vec<MemoryRange>,
        /// How many.
        refused: u64,
        /// Where the last of them is.
        at: Physical,
        /// The kernel's release, by that page.
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

fn told(ranges: &[MemoryRange]) -> String {
    ranges.iter().map(MemoryRange::to_string).collect::<Vec<_>>().join(", ")
}
