//! A box in ordinary memory: partitions that one thread drives step by step.

#![allow(dead_code, reason = "each test uses a part of it")]

use shmem::heap::HeapWindow;
use shmem::pool::BUFFER_LEN;
use shmem::segment::{Sink, Source};
use shmem::{Geometry, GeometryError, Shape, Window};
use vni::buffers::SharedBuffers;
use vni::descriptor::Offload;
use vni::fault::Fault;
use vni::lanes::{self, LaneEnds, LaneRefs};
use vni::peer_link::{LinkStatus, PeerLink, StepOutcome};
use vni::port::Port;
use vni::receiver::{self, Watch};
use vni::sender::{self, SendError};

/// What the parts of a [`Partition`] refer to.
#[derive(Default)]
pub(crate) struct Backing {
    pub(crate) buffers: Box<SharedBuffers>,
    pub(crate) peers: [PeerBacking; 4],
}

/// What is counted of one peer.
#[derive(Default)]
pub(crate) struct PeerBacking {
    pub(crate) sent: sender::Counters,
    pub(crate) received: receiver::Counters,
    pub(crate) watch: Watch,
    pub(crate) status: LinkStatus,
}

impl PeerBacking {
    fn lane(&self) -> LaneRefs<'_> {
        LaneRefs { sent: &self.sent, received: &self.received, watch: &self.watch }
    }
}

/// A window for so many partitions, with buffers to spare beyond those that lanes own.
pub(crate) fn memory(partitions: usize) -> HeapWindow {
    HeapWindow::new(8 << 20, shape(partitions)).expect("8 MiB are enough")
}

/// A window for so many partitions whose pools share `spare` buffers beyond those that are guaranteed.
pub(crate) fn tight_memory(partitions: usize, spare: u64) -> HeapWindow {
    let Err(GeometryError::TooShort { needed, .. }) = Geometry::new(0, shape(partitions)) else {
        unreachable!("nothing is too short")
    };
    HeapWindow::new(needed + spare * BUFFER_LEN * partitions as u64, shape(partitions)).expect("as much as it needs")
}

fn shape(partitions: usize) -> Shape {
    Shape::new(partitions, 1).expect("a shape")
}

/// One partition, with its links to all others.
pub(crate) struct Partition<'w> {
    pub(crate) port: Port<'w>,
    /// By the peer's index, our own left out.
    ends: Vec<End<'w>>,
}

/// Our end of the link to one peer.
pub(crate) struct End<'w> {
    peer: usize,
    pub(crate) link: PeerLink<'w>,
    pub(crate) lane: LaneEnds<'w>,
}

impl<'w> Partition<'w> {
    /// Partition `me`, started.
    pub(crate) fn new(window: Window<'w>, me: usize, backing: &'w Backing) -> Self {
        let port = Port::new(window, me, "test");
        // There is one queue, so a lane's index is the peer's.
        let lanes = lanes::assemble(&port, &backing.buffers, |peer| backing.peers[peer].lane());
        let ends =
            lanes.map(|(peer, lane)| End { peer, link: PeerLink::new(&port, peer, &backing.peers[peer].status), lane });
        let ends = ends.collect();
        port.start();
        Self { port, ends }
    }

    /// The end of the link to `peer`.
    pub(crate) fn to(&mut self, peer: usize) -> &mut End<'w> {
        self.ends.iter_mut().find(|end| end.peer == peer).expect("a peer")
    }

    /// One step of every link, as a driver's poll makes it. Whether any peer must be rung.
    pub(crate) fn step(&mut self) -> bool {
        let Self { port, ends } = self;
        let rung: Vec<bool> = ends.iter_mut().map(|end| end.step(port).ring).collect();
        rung.contains(&true)
    }
}

impl<'w> End<'w> {
    /// One step of the link.
    pub(crate) fn step(&mut self, port: &Port<'_>) -> StepOutcome {
        lanes::step_link(port, &mut self.link, &mut self.lane)
    }

    /// Sends a frame that lies in one piece.
    pub(crate) fn send(&mut self, frame: &[u8]) -> Result<(), SendError> {
        self.lane.sender.send([Source::from(frame)].into_iter(), Offload::NONE)
    }

    /// The next frame, if there is one.
    pub(crate) fn receive(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let Some(waiting) = self.lane.receiver.peek()? else { return Ok(None) };
        let mut frame = vec![0; waiting.len];
        self.lane.receiver.take(&mut [Sink::from(&mut frame[..])]);
        Ok(Some(frame))
    }
}

/// Steps all until nothing changes any more.
pub(crate) fn settle(partitions: &mut [&mut Partition<'_>]) {
    for _ in 0..64 {
        let rang: Vec<bool> = partitions.iter_mut().map(|partition| partition.step()).collect();
        if !rang.contains(&true) {
            return;
        }
    }
    panic!("the links do not come to rest");
}
