//! A lane as the users of an endpoint name it.

use shmem::Shape;
use vni::lanes::LaneSlot;

/// A peer and a queue. Having one means that the endpoint it came from has such a lane. Another endpoint that lacks it
/// treats it as a lane whose link is down.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Lane {
    index: u32,
    peer: u8,
    queue: u8,
}

impl Lane {
    pub(crate) fn new(shape: Shape, slot: LaneSlot) -> Self {
        Self { index: slot.index(shape) as u32, peer: slot.peer as u8, queue: slot.queue as u8 }
    }

    /// Its index in the table of lanes.
    #[inline]
    pub(crate) fn index(self) -> usize {
        self.index as usize
    }

    /// The peer.
    #[inline]
    pub fn peer(self) -> usize {
        self.peer.into()
    }

    /// The queue.
    #[inline]
    pub fn queue(self) -> usize {
        self.queue.into()
    }
}
