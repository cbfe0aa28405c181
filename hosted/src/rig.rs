//! The protocol's parts of one partition: station, lanes, links, and the memory that they refer to.
//!
//! The parts of [`vni`] borrow: the window, the pool's shared buffers, counters. An endpoint owns all of that, so the
//! borrows are of a [`Home`] behind an `Arc`, which stays where it is, and which the rig drops last. No reference with
//! the lifetime that is claimed for them leaves this module: what it hands out is borrowed from the rig.

// Here borrows of the home are made to last as long as the rig.
#![allow(unsafe_code)]

use std::sync::Arc;

use vni::buffers::SharedBuffers;
use vni::receiver::{self, Receiver};
use vni::sender::{self, Sender};
use vni::station::{PeerLink, Shown, Station, Stepped};

use crate::window::WindowFile;

/// What the parts refer to. It holds a copy of the window's file, so that it stays mapped.
struct Home {
    files: WindowFile,
    buffers: SharedBuffers,
    /// Of each partition; nothing at our own place.
    shown: Vec<Shown>,
    /// By queue, and then by partition.
    lanes: Vec<LaneHome>,
}

#[derive(Default)]
struct LaneHome {
    sent: sender::Counters,
    received: receiver::Counters,
    watch: receiver::Watch,
}

/// The two ends of a lane.
struct LaneEnds {
    sender: Sender<'static>,
    receiver: Receiver<'static>,
}

/// One partition's parts. Fields are dropped in this order: the home last.
pub(crate) struct Rig {
    /// As in the home; nothing at our own places.
    lanes: Vec<Option<LaneEnds>>,
    /// As in the home.
    links: Vec<Option<PeerLink<'static>>>,
    station: Station<'static>,
    home: Arc<Home>,
}

impl Rig {
    /// Of partition `me`, which is one of the window's.
    pub(crate) fn new(files: &WindowFile, me: usize) -> Self {
        let shape = files.shape();
        let count = shape.queues() * shape.partitions();
        let shared = Arc::new(Home {
            files: files.clone(),
            buffers: SharedBuffers::new(),
            shown: (0..shape.partitions()).map(|_| Shown::default()).collect(),
            lanes: (0..count).map(|_| LaneHome::default()).collect(),
        });
        // SAFETY: the rig that is made below keeps the home alive and drops it last; an `Arc` does not move what it
        // holds, and nobody ever has a `&mut Home`. The vectors are never changed.
        let home: &'static Home = unsafe { &*Arc::as_ptr(&shared) };
        let window = home.files.window();
        home.buffers.fill(window.geometry().pool_len(), shape.lanes());
        let station = Station::new(window, me, files.box_name());
        let mut number = 0..;
        let lanes = home.lanes.iter().enumerate().map(|(index, lane)| {
            let (queue, peer) = (index / shape.partitions(), index % shape.partitions());
            let number = if peer == me { None } else { number.next() }?;
            let (to, from) = (window.ring(me, queue, peer), window.ring(peer, queue, me));
            Some(LaneEnds {
                sender: Sender::new(to, window.pool(me), number, &home.buffers, &lane.sent),
                receiver: Receiver::new(from, window.pool(peer), &lane.received, &lane.watch),
            })
        });
        let lanes = lanes.collect();
        let link = |peer: usize| (peer != me).then(|| PeerLink::new(&station, peer, &home.shown[peer]));
        let links = (0..shape.partitions()).map(link).collect();
        Self { lanes, links, station, home: shared }
    }

    pub(crate) fn station(&self) -> &Station<'_> {
        &self.station
    }

    pub(crate) fn files(&self) -> &WindowFile {
        &self.home.files
    }

    #[inline]
    pub(crate) fn sender(&mut self, lane: usize) -> Option<&mut Sender<'static>> {
        self.lanes.get_mut(lane)?.as_mut().map(|ends| &mut ends.sender)
    }

    #[inline]
    pub(crate) fn receiver(&mut self, lane: usize) -> Option<&mut Receiver<'static>> {
        self.lanes.get_mut(lane)?.as_mut().map(|ends| &mut ends.receiver)
    }

    /// How the links to all partitions stand.
    pub(crate) fn shown(&self) -> &[Shown] {
        &self.home.shown
    }

    /// What the sender of each lane has counted.
    pub(crate) fn sent(&self) -> impl Iterator<Item = &sender::Counters> {
        self.home.lanes.iter().map(|lane| &lane.sent)
    }

    /// What the receiver of each lane has counted.
    pub(crate) fn received(&self) -> impl Iterator<Item = &receiver::Counters> {
        self.home.lanes.iter().map(|lane| &lane.received)
    }

    /// Whether a step of the link to `peer` could change anything.
    pub(crate) fn wants_step(&self, peer: usize) -> bool {
        let now = self.station.now();
        self.links.get(peer).and_then(Option::as_ref).is_some_and(|link| link.wants_step(now))
    }

    /// Steps the link to `peer` with all of its lanes.
    pub(crate) fn step(&mut self, peer: usize) -> Stepped {
        let Some(link) = self.links.get_mut(peer).and_then(Option::as_mut) else { return Stepped::default() };
        let of_peer = self.lanes.iter_mut().skip(peer).step_by(self.home.shown.len());
        let mut lanes: Vec<&mut LaneEnds> = of_peer.flatten().collect();
        // All are taken, one is told: a fault that is left would be told again later.
        let fault = lanes.iter_mut().fold(None, |first, lane| {
            let (sent, received) = (lane.sender.take_fault(), lane.receiver.take_fault());
            first.or(sent).or(received)
        });
        let stepped = link.step(self.station.now(), self.station.is_open(), fault, || {
            for lane in &mut lanes {
                lane.sender.reset();
                lane.receiver.reset();
            }
        });
        for lane in lanes {
            lane.sender.set_live(stepped.send);
            lane.receiver.set_live(stepped.receive);
        }
        stepped
    }
}
