//! One partition's end of the virtual Ethernet: its header page, and its links to all others.
//!
//! Everything here that several contexts share is an atomic. What one context has at a time (a [`Sender`] its transmit
//! lock, a [`Receiver`] and a [`PeerLink`] the poll) is a value of its own, and whoever owns the memory keeps them apart.
//!
//! [`Sender`]: crate::sender::Sender
//! [`Receiver`]: crate::receiver::Receiver

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

use shmem::header::{Header, MAGIC};
use shmem::{VERSION, Window};

use crate::counter::Counter;
use crate::doorbell;
use crate::fault::Fault;
use crate::link::{self, End, LinkWords, Pulse, State, WindowWords};
use crate::mac::MacAddress;

/// Length of a tick, after which the heartbeat goes on.
pub const TICK_MS: u32 = 100;
/// Ticks for which a link stays down after its peer broke a rule.
const HELD_FOR: u32 = 10;

/// A partition on the virtual Ethernet.
pub struct Station<'w> {
    window: Window<'w>,
    me: usize,
    mac: MacAddress,
    open: AtomicBool,
    tick: AtomicU32,
}

impl<'w> Station<'w> {
    /// Partition `me` of the box of that name; closed.
    ///
    /// # Panics
    /// In debug builds, if the window has no such partition.
    pub fn new(window: Window<'w>, me: usize, box_name: &str) -> Self {
        debug_assert!(me < window.geometry().shape().partitions());
        let mac = MacAddress::new(box_name, me as u8);
        Self { window, me, mac, open: AtomicBool::new(false), tick: AtomicU32::new(0) }
    }

    /// The window.
    pub fn window(&self) -> Window<'w> {
        self.window
    }

    /// Our index.
    pub fn index(&self) -> usize {
        self.me
    }

    /// The address of a partition.
    pub fn mac(&self, partition: usize) -> MacAddress {
        self.mac.of_partition(partition as u8)
    }

    /// Which partition a frame to that address is for; `None`: all of them.
    pub fn destination(&self, address: [u8; 6]) -> Option<usize> {
        let index = usize::from(self.mac.partition_of(address)?);
        (index < self.window.geometry().shape().partitions()).then_some(index)
    }

    /// Our header page.
    pub fn header(&self) -> Header<'w> {
        self.window.header(self.me)
    }

    /// Says that we are there. Links begin with their next step.
    pub fn start(&self) {
        let header = self.header();
        header.version.store(VERSION, Ordering::Relaxed);
        header.fingerprint.store(self.window.geometry().fingerprint(), Ordering::Relaxed);
        // Release, partner of the acquire in `speaks_as_we_do`.
        header.magic.store(MAGIC, Ordering::Release);
        self.open.store(true, Ordering::SeqCst);
    }

    /// Takes all links down, at once, from any context. Peers notice when they are rung.
    pub fn stop(&self) {
        self.open.store(false, Ordering::SeqCst);
        self.header().doorbells.iter().for_each(|bell| doorbell::publish(bell, None));
        for peer in (0..self.window.geometry().shape().partitions()).filter(|peer| *peer != self.me) {
            link::take_down(&self.words(peer));
        }
    }

    /// Whether it was started and not stopped.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Lets the heartbeat and our time go on by one tick.
    pub fn tick(&self) {
        let heartbeat = self.header().heartbeat;
        heartbeat.store(heartbeat.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        self.tick.store(self.now().wrapping_add(1), Ordering::Relaxed);
    }

    /// Our time, in ticks.
    pub fn now(&self) -> u32 {
        self.tick.load(Ordering::Relaxed)
    }

    fn words(&self, peer: usize) -> WindowWords<'w> {
        WindowWords { mine: &self.header().links[peer], theirs: &self.window.header(peer).links[self.me] }
    }
}

/// How a link stands, for all to see.
#[derive(Default, Debug)]
pub struct Shown {
    /// [`State`], or [`Shown::STALLED`].
    state: AtomicU8,
    /// Times that it came up.
    pub ups: Counter,
    /// Times that it went down or stalled.
    pub downs: Counter,
    /// Times that the peer's heartbeat stopped.
    pub stalls: Counter,
    /// Rules that the peer broke, by [`Fault::kind`].
    pub faults: [Counter; Fault::NAMES.len()],
}

impl Shown {
    /// Up, but the peer's heartbeat has stopped.
    pub const STALLED: u8 = 4;

    /// A [`State`] as a number, or [`Shown::STALLED`].
    pub fn state(&self) -> u8 {
        self.state.load(Ordering::Relaxed)
    }
}

/// Our end of the link to one peer.
pub struct PeerLink<'w> {
    words: WindowWords<'w>,
    peer: Header<'w>,
    fingerprint: u64,
    shown: &'w Shown,
    pulse: Pulse,
    /// The peer's word and our time at the last step.
    seen: Option<(u64, u32)>,
    /// The peer broke a rule: down until then.
    held_until: Option<u32>,
    usable: bool,
}

/// What a step has come to.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stepped {
    /// Receivers are to be live.
    pub receive: bool,
    /// Senders are to be live.
    pub send: bool,
    /// `send` has changed.
    pub changed: bool,
    /// The peer must be rung, since our word has changed.
    pub ring: bool,
}

impl<'w> PeerLink<'w> {
    /// The link of `station` to `peer`. What an earlier life left of our end is taken down.
    pub fn new(station: &Station<'w>, peer: usize, shown: &'w Shown) -> Self {
        let words = station.words(peer);
        link::take_down(&words);
        Self {
            words,
            peer: station.window.header(peer),
            fingerprint: station.window.geometry().fingerprint(),
            shown,
            pulse: Pulse::default(),
            seen: None,
            held_until: None,
            usable: false,
        }
    }

    /// Whether a step could change anything.
    pub fn wants_step(&self, now: u32) -> bool {
        self.seen != Some((self.words.theirs(), now))
    }

    /// Steps it. `fault` is what a sender or a receiver of this link has found; `clear` resets all of them.
    pub fn step(&mut self, now: u32, open: bool, fault: Option<Fault>, clear: impl FnOnce()) -> Stepped {
        // Of an end that has been taken down meanwhile the peer's words may have begun anew: they prove nothing.
        let was = End::from_word(self.words.mine()).state;
        if let Some(fault) = fault.filter(|_| was >= State::Ready) {
            self.shown.faults[fault.kind()].add(1);
            self.held_until = Some(now.wrapping_add(HELD_FOR));
        }
        let theirs = self.words.theirs();
        let before = self.words.mine();
        let end = self.say(now, open && self.speaks_as_we_do(), clear);
        let alive = self.pulse.feel(self.peer.heartbeat.load(Ordering::Relaxed), now);
        let rang = self.words.mine() != before;
        // After having said something, what the peer has said meanwhile is looked at again in any case.
        self.seen = (!rang).then_some((theirs, now));
        self.show(end, alive, rang)
    }

    fn say(&mut self, now: u32, willing: bool, clear: impl FnOnce()) -> End {
        if self.held_until.is_some_and(|until| (until.wrapping_sub(now) as i32) <= 0) {
            self.held_until = None;
        }
        if !willing || self.held_until.is_some() {
            link::take_down(&self.words);
            return End::from_word(self.words.mine());
        }
        link::step(&self.words, clear).0
    }

    fn show(&mut self, end: End, alive: bool, ring: bool) -> Stepped {
        let usable = end.state == State::Up && alive;
        let stalled = end.state == State::Up && !alive;
        let changed = usable != self.usable;
        self.usable = usable;
        if changed {
            let counter = if usable { &self.shown.ups } else { &self.shown.downs };
            counter.add(1);
            self.shown.stalls.add(u64::from(stalled));
        }
        let state = if stalled { Shown::STALLED } else { end.state as u8 };
        self.shown.state.store(state, Ordering::Relaxed);
        Stepped { receive: end.state >= State::Ready, send: usable, changed, ring }
    }

    /// Whether the peer has come up with the layout and the protocol that we know.
    fn speaks_as_we_do(&self) -> bool {
        self.peer.magic.load(Ordering::Acquire) == MAGIC
            && self.peer.version.load(Ordering::Relaxed) == VERSION
            && self.peer.fingerprint.load(Ordering::Relaxed) == self.fingerprint
    }
}

#[cfg(test)]
mod tests;
