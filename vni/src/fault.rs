//! The rules that a peer can break.

use core::fmt;

/// A violation of the protocol by a peer. It takes the peer's link down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It claims to have consumed more than was published, or less than before.
    Consumed {
        /// The index that it claims.
        claimed: u32,
        /// The index up to which we have published.
        published: u32,
    },
    /// A descriptor names bytes outside its pool, or no bytes.
    Range {
        /// Offset in the pool.
        offset: u32,
        /// Bytes.
        len: u32,
    },
    /// A frame is shorter or longer than frames may be.
    FrameLength(u64),
    /// A frame's chain does not end within the published descriptors.
    Chain,
}

impl Fault {
    /// All kinds, by the names under which they are counted.
    pub const NAMES: [&'static str; 4] = ["fault_consumed", "fault_range", "fault_frame_length", "fault_chain"];

    /// Its place in [`Fault::NAMES`].
    pub fn kind(self) -> usize {
        match self {
            Self::Consumed { .. } => 0,
            Self::Range { .. } => 1,
            Self::FrameLength(_) => 2,
            Self::Chain => 3,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Consumed { claimed, published } => {
                write!(f, "it consumed up to {claimed}, and {published} are published")
            }
            Self::Range { offset, len } => write!(f, "{len} bytes at {offset:#x} of its pool are none"),
            Self::FrameLength(len) => write!(f, "it sent a frame of {len} bytes"),
            Self::Chain => write!(f, "a frame has no end"),
        }
    }
}

impl core::error::Error for Fault {}
