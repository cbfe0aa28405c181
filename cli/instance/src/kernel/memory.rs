//! Physical memory to which another kernel may be writing. What is read from it is never trusted.

use std::fmt;
use std::io;

/// Bytes of a page.
pub(crate) const PAGE: u64 = 4096;

/// An address in the machine's memory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Physical(pub(crate) u64);

/// The memory of one partition, and nothing else.
pub(crate) trait Memory {
    /// Reads the bytes from `at` on. An aligned word of 8 bytes is read at once.
    ///
    /// # Errors
    /// If any of them is outside of the partition, or this kernel does not give access to it.
    fn read(&self, at: Physical, into: &mut [u8]) -> Result<(), MemoryError>;
}

/// Why memory was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MemoryError {
    /// It is outside of the partition.
    #[error("{at} is not the partition's memory")]
    Outside {
        /// The address.
        at: Physical,
    },
    /// The kernel on which this program runs does not give access to it.
    #[error("cannot map {at} of /dev/mem: {error}")]
    Unmapped {
        /// The address.
        at: Physical,
        /// That kernel's error.
        error: io::Error,
    },
}

impl fmt::Display for Physical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
