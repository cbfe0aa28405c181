//! Why there is no log.

use super::id::Id;
use crate::kernel::note::NoteError;
use crate::kernel::paging::PagingError;

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RingError {
    /// The note lacks what the ring is found by.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// A field would lie outside its structure.
    #[error("its {field} would lie at byte {offset} of {size}")]
    Layout {
        /// Structure and field.
        field: &'static str,
        /// Where it would lie.
        offset: u64,
        /// The size of the structure.
        size: u64,
    },
    /// An address leads nowhere.
    #[error(transparent)]
    Paging(#[from] PagingError),
    /// No kernel's ring has such a size.
    #[error("its ring would have 2^{found} {what}, and 2^{most} is the most")]
    Size {
        /// What is counted.
        what: &'static str,
        /// The power that was found.
        found: u32,
        /// The largest there is.
        most: u32,
    },
    /// Neither end of the ring has its record.
    #[error("its ring would go from record {tail} to {head}, and neither is there")]
    Ends {
        /// The oldest record.
        tail: Id,
        /// The newest.
        head: Id,
    },
}
