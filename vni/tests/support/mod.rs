//! A box in ordinary memory: partitions that one thread drives step by step.

#![allow(dead_code, reason = "each test uses a part of it")]

use shmem::heap::HeapWindow;
use shmem::pool::BUFFER_LEN;
use shmem::segment::{Sink, Source};
use shmem::{Geometry, GeometryError, Shape, Window};
use vni::buffers::SharedBuffers;
use vni::descriptor::Offload;
use vni::fault::Fault;
use vni::receiver::{self, Receiver, Watch};
use vni::sender::{self, Refusal, Sender};
use vni::station::{PeerLink, Shown, Station, Stepped};

/// What the parts of a [`Partition`] refer to.
#[derive(Default)]
pub(crate) struct Home {
    pub(crate) buffers: Box<SharedBuffers>,
    pub(crate) peers: [Seen; 4],
}

/// What is counted of one peer.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) sent: sender::Counters,
    pub(crate) received: receiver::Counters,
    pub(crate) watch: Watch,
    pub(crate) shown: Shown,
}

/// A window for so many partitions, with buffers to spare.
pub(crate) fn memory(partitions: usize) -> HeapWindow {
    HeapWindow::new(4 << 20, shape(partitions)).expect("4 MiB are enough")
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
    pub(crate) station: Station<'w>,
    /// By the peer's index, our own left out.
    ends: Vec<End<'w>>,
}

/// Our end of the link to one peer.
pub(crate) struct End<'w> {
    peer: usize,
    pub(crate) link: PeerLink<'w>,
    pub(crate) sender: Sender<'w>,
    pub(crate) receiver: Receiver<'w>,
}

impl<'w> Partition<'w> {
    /// Partition `me`, started.
    pub(crate) fn new(window: Window<'w>, me: usize, home: &'w Home) -> Self {
        let station = Station::new(window, me, "test");
        let shape = window.geometry().shape();
        home.buffers.fill(window.geometry().pool_len(), shape.lanes());
        let peers = (0..shape.partitions()).filter(|peer| *peer != me);
        let ends = peers.enumerate().map(|(lane, peer)| End::new(&station, peer, lane, home)).collect();
        station.start();
        Self { station, ends }
    }

    /// The end of the link to `peer`.
    pub(crate) fn to(&mut self, peer: usize) -> &mut End<'w> {
        self.ends.iter_mut().find(|end| end.peer == peer).expect("a peer")
    }

    /// One step of every link, as a driver's poll makes it. Whether any peer must be rung.
    pub(crate) fn step(&mut self) -> bool {
        let Self { station, ends } = self;
        let rung: Vec<bool> = ends.iter_mut().map(|end| end.step(station).ring).collect();
        rung.contains(&true)
    }
}

impl<'w> End<'w> {
    fn new(station: &Station<'w>, peer: usize, lane: usize, home: &'w Home) -> Self {
        let (window, me, seen) = (station.window(), station.index(), &home.peers[peer]);
        let sender = Sender::new(window.ring(me, 0, peer), window.pool(me), lane, &home.buffers, &seen.sent);
        let receiver = Receiver::new(window.ring(peer, 0, me), window.pool(peer), &seen.received, &seen.watch);
        Self { peer, link: PeerLink::new(station, peer, &seen.shown), sender, receiver }
    }

    /// One step of the link.
    pub(crate) fn step(&mut self, station: &Station<'_>) -> Stepped {
        let fault = self.sender.take_fault().or(self.receiver.take_fault());
        let (sender, receiver) = (&mut self.sender, &mut self.receiver);
        let stepped = self.link.step(station.now(), station.is_open(), fault, || {
            sender.reset();
            receiver.reset();
        });
        self.sender.set_live(stepped.send);
        self.receiver.set_live(stepped.receive);
        stepped
    }

    /// Sends a frame that lies in one piece.
    pub(crate) fn send(&mut self, frame: &[u8]) -> Result<(), Refusal> {
        self.sender.send([Source::from(frame)].into_iter(), Offload::NONE)
    }

    /// The next frame, if there is one.
    pub(crate) fn receive(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let Some(waiting) = self.receiver.peek()? else { return Ok(None) };
        let mut frame = vec![0; waiting.len];
        self.receiver.take(&mut [Sink::from(&mut frame[..])]);
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
