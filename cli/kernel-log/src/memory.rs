//! Physical memory that somebody else may be writing to: what is read of it is never trusted.

use std::fmt;
use std::io;

/// Bytes of a page.
pub(crate) const PAGE: u64 = 4096;

/// An address in the machine's memory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Physical(pub(crate) u64);

/// The memory of one partition, and nothing else.
pub(crate) trait Memory {
    /// Reads the bytes from `at` on. A word of 8 bytes that lies on its boundary is read at once.
    ///
    /// # Errors
    /// If any of them is not the partition's, or cannot be had.
    fn read(&self, at: Physical, into: &mut [u8]) -> Result<(), Fault>;
}

/// Why memory was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// It is not the partition's.
    #[error("{at} is not the partition's memory")]
    Outside {
        /// Where it was to be read.
        at: Physical,
    },
    /// The kernel that this program runs on does not hand it out.
    #[error("cannot map {at} of /dev/mem: {error}")]
    Unmapped {
        /// Where it was to be read.
        at: Physical,
        /// What that kernel says.
        error: io::Error,
    },
}

impl fmt::Display for Physical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
