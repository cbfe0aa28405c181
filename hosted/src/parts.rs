//! The protocol's parts of one partition: port, lanes, links, and the memory that they refer to.
//!
//! The parts of [`vni`] borrow: the window, the pool's shared buffers, counters. An endpoint owns all of that, so the
//! parts borrow from a [`Backing`] behind an `Arc`, which does not move and which [`EndpointParts`] drops last. The
//! `'static` that the parts claim for these borrows is never handed out: what leaves this module is borrowed from
//! [`EndpointParts`], or holds the backing itself, as a frame that is lent does.

// Here borrows of the backing are made to last as long as the parts.
#![allow(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shmem::order::full_fence;
use vni::buffers::SharedBuffers;
use vni::counters::NamedCounter;
use vni::headers::HEAD_LEN;
use vni::lanes::{self, LaneEnds, LaneRefs, LaneSlot, LinkLanes};
use vni::lending::{Loans, NotLent};
use vni::peer_link::{LinkStatus, PeerLink, StepOutcome};
use vni::port::Port;
use vni::receiver::{self, Receiver};
use vni::ring::Wake;
use vni::sender::{self, Sender};

use crate::bell::Bell;
use crate::lent::{LentFrame, Loan};
use crate::window::WindowFile;

/// What the parts refer to. It holds a copy of the window's file, so that the window stays mapped.
pub(crate) struct Backing {
    files: WindowFile,
    me: usize,
    /// Whether the endpoint's owner may be waiting on its file descriptor.
    asleep: AtomicBool,
    buffers: SharedBuffers,
    /// One for each partition; our own is not used.
    statuses: Vec<LinkStatus>,
    /// By [`LaneSlot`].
    lanes: Vec<LaneBacking>,
}

#[derive(Default)]
struct LaneBacking {
    sent: sender::Counters,
    received: receiver::Counters,
    watch: receiver::Watch,
    loans: Loans,
}

impl Backing {
    /// What is lent of a lane that there is.
    pub(crate) fn loans(&self, lane: usize) -> &Loans {
        &self.lanes[lane].loans
    }

    /// Rings our own bell if we sleep.
    pub(crate) fn wake_sleeper(&self) {
        if self.asleep.load(Ordering::Relaxed) {
            self.files.bell(self.me).into_iter().for_each(Bell::ring);
        }
    }
}

/// One partition's parts. Fields are dropped in this order: the backing last.
pub(crate) struct EndpointParts {
    /// By [`LaneSlot`]; our own slots are empty.
    lanes: Vec<Option<LaneEnds<'static>>>,
    /// One for each partition; our own place is empty.
    links: Vec<Option<PeerLink<'static>>>,
    port: Port<'static>,
    /// The first bytes of the frame that was lent last.
    head: [u8; HEAD_LEN],
    backing: Arc<Backing>,
}

/// The lanes of the link to one peer.
struct PeerLanes<'p> {
    all: &'p mut [Option<LaneEnds<'static>>],
    peer: usize,
    partitions: usize,
}

impl EndpointParts {
    /// The parts of partition `me` of the window.
    ///
    /// # Panics
    /// In debug builds, if the window has no such partition.
    pub(crate) fn new(files: &WindowFile, me: usize) -> Self {
        let shape = files.shape();
        let shared = Arc::new(Backing {
            files: files.clone(),
            me,
            asleep: AtomicBool::new(false),
            buffers: SharedBuffers::new(),
            statuses: (0..shape.partitions()).map(|_| LinkStatus::default()).collect(),
            lanes: (0..LaneSlot::count(shape)).map(|_| LaneBacking::default()).collect(),
        });
        // SAFETY: the parts that are made below keep the backing alive and drop it last; an `Arc` does not move what it
        // holds, and nobody ever has a `&mut Backing`. The vectors are never changed.
        let backing: &'static Backing = unsafe { &*Arc::as_ptr(&shared) };
        let port = Port::new(backing.files.window(), me, files.box_name());
        let mut lanes: Vec<_> = (0..LaneSlot::count(shape)).map(|_| None).collect();
        for (index, ends) in lanes::assemble(&port, &backing.buffers, |index| backing.lanes[index].refs()) {
            lanes[index] = Some(ends);
        }
        let mut links: Vec<_> = (0..shape.partitions()).map(|_| None).collect();
        for peer in port.peers() {
            links[peer] = Some(PeerLink::new(&port, peer, &backing.statuses[peer]));
        }
        Self { lanes, links, port, head: [0; HEAD_LEN], backing: shared }
    }

    pub(crate) fn port(&self) -> &Port<'_> {
        &self.port
    }

    pub(crate) fn files(&self) -> &WindowFile {
        &self.backing.files
    }

    #[inline]
    pub(crate) fn sender(&mut self, lane: usize) -> Option<&mut Sender<'static>> {
        self.lanes.get_mut(lane)?.as_mut().map(|ends| &mut ends.sender)
    }

    #[inline]
    pub(crate) fn receiver(&mut self, lane: usize) -> Option<&mut Receiver<'static>> {
        self.lanes.get_mut(lane)?.as_mut().map(|ends| &mut ends.receiver)
    }

    /// Lends the frame that was peeked in a lane.
    #[inline]
    pub(crate) fn lend(&mut self, lane: usize) -> Result<LentFrame, NotLent> {
        let receiver = self.lanes.get_mut(lane).and_then(Option::as_mut).map(|ends| &mut ends.receiver);
        let receiver = receiver.ok_or(NotLent::NoFrame)?;
        let lent = receiver.lend(self.backing.loans(lane), &mut self.head)?;
        let head = self.head[..lent.head_len].to_vec();
        Ok(LentFrame::lent(head, Loan { lent, pool: receiver.pool(), lane, backing: self.backing.clone() }))
    }

    /// Gives back what was received in a lane and is not lent.
    #[inline]
    pub(crate) fn release(&mut self, lane: usize) -> Option<Wake> {
        let receiver = &mut self.lanes.get_mut(lane)?.as_mut()?.receiver;
        Some(receiver.release_not_lent(self.backing.loans(lane)))
    }

    /// Says whether the owner may be waiting. After saying so, look at what was given back.
    pub(crate) fn set_asleep(&self, asleep: bool) {
        self.backing.asleep.store(asleep, Ordering::Relaxed);
        if asleep {
            full_fence();
        }
    }

    /// The status of the link to a peer.
    pub(crate) fn status(&self, peer: usize) -> Option<&LinkStatus> {
        self.backing.statuses.get(peer)
    }

    /// The value of a counter.
    pub(crate) fn counter(&self, counter: &NamedCounter) -> u64 {
        let lanes = &self.backing.lanes;
        let (sent, received) = (lanes.iter().map(|lane| &lane.sent), lanes.iter().map(|lane| &lane.received));
        counter.total(sent, received, &self.backing.statuses)
    }

    /// Whether a step of the link to `peer` could change anything.
    pub(crate) fn wants_step(&self, peer: usize) -> bool {
        let now = self.port.now();
        self.links.get(peer).and_then(Option::as_ref).is_some_and(|link| link.wants_step(now))
    }

    /// Steps the link to `peer` with all of its lanes.
    pub(crate) fn step(&mut self, peer: usize) -> StepOutcome {
        let partitions = self.links.len();
        let Some(link) = self.links.get_mut(peer).and_then(Option::as_mut) else { return StepOutcome::default() };
        lanes::step_link(&self.port, link, &mut PeerLanes { all: &mut self.lanes, peer, partitions })
    }
}

impl LaneBacking {
    fn refs(&self) -> LaneRefs<'_> {
        LaneRefs { sent: &self.sent, received: &self.received, watch: &self.watch }
    }
}

impl LinkLanes<'static> for PeerLanes<'_> {
    fn for_each(&mut self, mut visit: impl FnMut(&mut Sender<'static>, &mut Receiver<'static>)) {
        let of_peer = self.all.iter_mut().skip(self.peer).step_by(self.partitions);
        of_peer.flatten().for_each(|ends| visit(&mut ends.sender, &mut ends.receiver));
    }
}
