//! One partition in this process: frames in and out, its links, its time.
//!
//! The owner of an [`Endpoint`] gives it its time by calling [`Endpoint::turn`] again and again: at least every few
//! hundred milliseconds, or its peers take it for dead. There is no thread behind it.
//!
//! - One that **polls** calls `turn` now and then, and never asks to be rung.
//! - One that **sleeps** calls [`Endpoint::arm`], waits on the file descriptor ([`AsFd`]) if that says so, then calls
//!   `turn`. [`Endpoint::wait`] is these three.
//!
//! Between turns it sends ([`Endpoint::send`], once for a burst [`Endpoint::publish`]) and receives
//! ([`Endpoint::receive`], once for a burst [`Endpoint::release`]). Frames can also be written and read where they lie
//! ([`Endpoint::send_in_place`], [`Endpoint::receive_lent`]).

mod frames;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use vni::MacAddress;
use vni::descriptor::Offload;
use vni::doorbell::LINK_QUEUE;
use vni::lanes::LaneSlot;
use vni::peer_link::LinkStatus;

use crate::bell::Bell;
use crate::claim::{Claim, ClaimError};
use crate::counters;
use crate::doorbell;
use crate::lane::Lane;
use crate::parts::EndpointParts;
use crate::wait_set::{Ticks, WaitSet};
use crate::window::WindowFile;

/// One partition in this process. When it is dropped, its links go down and its peers are rung.
pub struct Endpoint {
    // Dropped in this order: the parts before the claim that makes them ours.
    parts: EndpointParts,
    wait_set: WaitSet,
    ticks: Ticks,
    /// Somebody may wait on the set, or has waited: the bell may have rings that were not taken yet.
    asleep: bool,
    /// Frames have been lent, and some may have been given back elsewhere.
    lends: bool,
    /// Peers in whose lanes a fault was found, a bit for each.
    faulty: u32,
    /// Doorbells for which a bell was rung.
    rung: u64,
    /// Turns that came after one was asleep.
    wakeups: u64,
    _claim: Claim,
}

/// Why an endpoint was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The partition could not be claimed.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The wait set could not be made.
    #[error("cannot make a timer and an epoll set for an endpoint: {0}")]
    WaitSet(#[from] io::Error),
}

/// How a link stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkState {
    /// The peer is absent, or has just broken a rule.
    Down,
    /// Shaking hands.
    Connecting,
    /// Frames cross.
    Up,
    /// It was up, and the peer's heartbeat has stopped.
    Stalled,
}

impl fmt::Display for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down => "down",
            Self::Connecting => "connecting",
            Self::Up => "up",
            Self::Stalled => "stalled",
        })
    }
}

/// A frame that was received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Received {
    /// Its bytes.
    pub len: usize,
    /// What is left to be done with it; held against its headers.
    pub offload: Offload,
}

/// The result of a turn.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TurnOutcome {
    /// Peers whose link has come up, gone down, stalled or gone on, a bit for each.
    pub changed: u32,
}

impl Endpoint {
    /// Partition `index` of the window.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(window: &WindowFile, index: usize) -> Result<Self, OpenError> {
        Self::claimed(window, Claim::of(window, index)?)
    }

    /// The first partition of the window that is free.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_any(window: &WindowFile) -> Result<Self, OpenError> {
        Self::claimed(window, Claim::any(window)?)
    }

    fn claimed(window: &WindowFile, claim: Claim) -> Result<Self, OpenError> {
        let ticks = Ticks::begin();
        let bell = window.bell(claim.index()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let mut wait_set = WaitSet::new(bell.as_fd())?;
        wait_set.set_timer(&ticks)?;
        let parts = EndpointParts::new(window, claim.index());
        parts.port().tick();
        parts.port().start();
        doorbell::publish(parts.port());
        let mut endpoint =
            Self { parts, wait_set, ticks, asleep: false, lends: false, faulty: 0, rung: 0, wakeups: 0, _claim: claim };
        endpoint.step_links();
        Ok(endpoint)
    }

    /// Our partition.
    pub fn index(&self) -> usize {
        self.parts.port().index()
    }

    /// The window.
    pub fn window(&self) -> &WindowFile {
        self.parts.files()
    }

    /// The address of a partition.
    pub fn mac(&self, partition: usize) -> MacAddress {
        self.parts.port().mac(partition)
    }

    /// Which partition a frame to that address is for; `None`: all of them.
    pub fn destination(&self, address: [u8; 6]) -> Option<usize> {
        self.parts.port().destination(address)
    }

    /// The lane for a peer and a queue, if there is one.
    pub fn lane(&self, peer: usize, queue: usize) -> Option<Lane> {
        let shape = self.window().shape();
        let exists = peer < shape.partitions() && peer != self.index() && queue < shape.queues();
        exists.then(|| Lane::new(shape, LaneSlot { queue, peer }))
    }

    /// Every lane, by queue and then by peer.
    pub fn lanes(&self) -> impl Iterator<Item = Lane> + use<> {
        let (shape, me) = (self.window().shape(), self.index());
        let all = (0..LaneSlot::count(shape)).map(move |index| LaneSlot::at(index, shape));
        all.filter(move |slot| slot.peer != me).map(move |slot| Lane::new(shape, slot))
    }

    /// How the link to a peer stands.
    pub fn link(&self, peer: usize) -> LinkState {
        match self.parts.status(peer).map_or(0, LinkStatus::state) {
            0 => LinkState::Down,
            1 | 2 => LinkState::Connecting,
            3 => LinkState::Up,
            _ => LinkState::Stalled,
        }
    }

    /// Takes a turn: takes the doorbell's rings, ticks if a tick is due, steps links that want it. Without a system
    /// call, unless we were armed since the last turn, or a peer must be rung.
    pub fn turn(&mut self) -> TurnOutcome {
        // In this order: who rings after the bell's ring was taken makes it readable again.
        if self.asleep {
            self.window().bell(self.index()).map(Bell::take);
            self.wakeups += 1;
            self.asleep = false;
            self.parts.set_asleep(false);
            self.release_lent();
        }
        doorbell::take(self.parts.port());
        if self.ticks.is_due() {
            self.parts.port().tick();
        }
        self.step_links()
    }

    /// Before waiting on the file descriptor: asks to be rung for the next frame of any lane. True if nothing has come
    /// and one may wait; in any case a [`Endpoint::turn`] comes next. Release and publish before.
    pub fn arm(&mut self) -> bool {
        self.asleep = true;
        self.parts.set_asleep(true);
        self.release_lent();
        let lanes = LaneSlot::count(self.window().shape());
        // No kernel refuses it. If one did, nobody would be woken for the next tick.
        let mut may_sleep = self.wait_set.set_timer(&self.ticks).is_ok();
        for lane in 0..lanes {
            may_sleep &= self.parts.receiver(lane).is_none_or(|receiver| receiver.arm());
        }
        may_sleep
    }

    /// Arms, waits for at most `limit`, and takes a turn. It returns at every tick too, so look before believing that
    /// something has come.
    ///
    /// # Errors
    /// If the kernel does not let us wait on the set, which no kernel does.
    pub fn wait(&mut self, limit: Duration) -> io::Result<TurnOutcome> {
        if self.arm() {
            self.wait_set.wait(limit)?;
        }
        Ok(self.turn())
    }

    /// What was counted since it was opened, by name: see [`counters::names`].
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
        counters::names().zip(counters::values(&self.parts, [self.rung, self.wakeups]))
    }

    /// The value of one counter; 0 if there is none of that name.
    pub fn counter(&self, name: &str) -> u64 {
        self.counters().find_map(|(found, value)| (found == name).then_some(value)).unwrap_or(0)
    }

    pub(super) fn ring(&mut self, peer: usize, queue: usize) {
        self.rung += u64::from(doorbell::ring(self.parts.port(), self.parts.files(), peer, queue));
    }

    /// Notes that something in a lane may be wrong: the next turn steps its link.
    pub(super) fn look_into(&mut self, lane: Lane) {
        self.faulty |= 1 << lane.peer();
    }

    fn step_links(&mut self) -> TurnOutcome {
        let mut outcome = TurnOutcome::default();
        let faulty = std::mem::take(&mut self.faulty);
        for peer in 0..self.window().shape().partitions() {
            if faulty & 1 << peer == 0 && !self.parts.wants_step(peer) {
                continue;
            }
            let step = self.parts.step(peer);
            outcome.changed |= u32::from(step.changed) << peer;
            if step.ring {
                self.ring(peer, LINK_QUEUE);
            }
        }
        outcome
    }
}

impl AsFd for Endpoint {
    /// Readable when there is something to do: call [`Endpoint::turn`] then.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wait_set.as_fd()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.parts.port().stop();
        for peer in self.parts.port().peers() {
            self.ring(peer, LINK_QUEUE);
        }
    }
}
