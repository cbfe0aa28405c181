//! Rules that a peer can break.

use core::fmt;

/// What a peer has done that no sound peer does. Its link goes down for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It says to have consumed more than was published, or less than before.
    Consumed {
        /// What it says.
        told: u32,
        /// Up to where we have published.
        published: u32,
    },
    /// A descriptor names what does not lie in its pool, or nothing at all.
    Range {
        /// Offset in the pool.
        offset: u32,
        /// Bytes.
        len: u32,
    },
    /// A frame is shorter or longer than frames may be.
    FrameLength(u64),
    /// A frame's chain does not end within what was published.
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
            Self::Consumed { told, published } => write!(f, "it consumed up to {told}, and {published} are published"),
            Self::Range { offset, len } => write!(f, "{len} bytes at {offset:#x} of its pool are none"),
            Self::FrameLength(len) => write!(f, "it sent a frame of {len} bytes"),
            Self::Chain => write!(f, "a frame has no end"),
        }
    }
}

impl core::error::Error for Fault {}
