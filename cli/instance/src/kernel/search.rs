//! Finds the Linux in some ranges of memory by its note.

use std::error::Error;

use crate::kernel::memory::{Memory, MemoryError, Physical};
use crate::kernel::note::{Note, candidates};
use crate::kernel::range::MemoryRange;

/// Why nothing was found. `E` is what is wrong with a page that looks like a note.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SearchError<E: Error> {
    /// The memory cannot be read.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// No page begins like a note.
    #[error("no {what} in {}: the kernel there has not come so far yet, or is not a Linux kernel", list(ranges))]
    Nothing {
        /// What was searched for.
        what: &'static str,
        /// The ranges that were searched.
        ranges: Vec<MemoryRange>,
    },
    /// Some pages begin like a note, but none of them leads to what was searched for.
    #[error(
        "no {what} in {}: {refused} page(s) look like a Linux kernel's vmcoreinfo, and none leads to one; the last, at \
         {at} (of {release}): {error}",
        list(ranges)
    )]
    Refused {
        /// What was searched for.
        what: &'static str,
        /// The ranges that were searched.
        ranges: Vec<MemoryRange>,
        /// The number of these pages.
        refused: u64,
        /// The last of them.
        at: Physical,
        /// The kernel's release according to that page.
        release: String,
        /// What is wrong with it.
        error: Box<E>,
    },
}

/// What `open` makes of the first note in these ranges for which it does not fail. It gets the place of a note, and the
/// note; `what` names what is searched for in errors.
pub(crate) fn first<T, E: Error>(
    memory: &impl Memory,
    ranges: &[MemoryRange],
    what: &'static str,
    open: impl Fn(Physical, Note) -> Result<T, E>,
) -> Result<T, SearchError<E>> {
    let mut last = None;
    let mut refused = 0;
    for at in candidates(memory, ranges) {
        let at = at?;
        let Some(note) = Note::read(memory, at) else { continue };
        let release = note.release().unwrap_or_default().escape_debug().to_string();
        match open(at, note) {
            Ok(found) => return Ok(found),
            Err(error) => last = Some((at, release, error)),
        }
        refused += 1;
    }
    let ranges = ranges.to_vec();
    Err(match last {
        None => SearchError::Nothing { what, ranges },
        Some((at, release, error)) => {
            SearchError::Refused { what, ranges, refused, at, release, error: Box::new(error) }
        }
    })
}

fn list(ranges: &[MemoryRange]) -> String {
    ranges.iter().map(MemoryRange::to_string).collect::<Vec<_>>().join(", ")
}
