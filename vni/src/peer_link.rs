//! Our end of the link to one peer: the handshake, held against the peer's heartbeat and its faults.
//!
//! A [`PeerLink`] belongs to one context at a time, the one that polls. What others may see of it is its
//! [`LinkStatus`].

use core::sync::atomic::{AtomicU8, Ordering};

use shmem::VERSION;
use shmem::header::{Header, MAGIC};

use crate::counter::Counter;
use crate::fault::Fault;
use crate::link::{self, End, LinkWords, Liveness, State, WindowWords};
use crate::port::Port;

/// Ticks for which a link stays down after its peer broke a rule.
const HELD_FOR: u32 = 10;

/// The state of a link and what was counted on it. Any context may read it.
#[derive(Default, Debug)]
pub struct LinkStatus {
    /// [`State`], or [`LinkStatus::STALLED`].
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

impl LinkStatus {
    /// Up, but the peer's heartbeat has stopped.
    pub const STALLED: u8 = 4;

    /// A [`State`] as a number, or [`LinkStatus::STALLED`].
    pub fn state(&self) -> u8 {
        self.state.load(Ordering::Relaxed)
    }
}

/// Our end of the link to one peer.
pub struct PeerLink<'w> {
    words: WindowWords<'w>,
    peer: Header<'w>,
    fingerprint: u64,
    status: &'w LinkStatus,
    liveness: Liveness,
    /// The peer's word and our time at the last step.
    seen: Option<(u64, u32)>,
    /// The peer broke a rule: down until then.
    held_until: Option<u32>,
    usable: bool,
}

/// The result of a step.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct StepOutcome {
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
    /// The link of `port` to `peer`. What an earlier life left of our end is taken down.
    pub fn new(port: &Port<'w>, peer: usize, status: &'w LinkStatus) -> Self {
        let words = port.link_words(peer);
        link::take_down(&words);
        Self {
            words,
            peer: port.window().header(peer),
            fingerprint: port.window().geometry().fingerprint(),
            status,
            liveness: Liveness::default(),
            seen: None,
            held_until: None,
            usable: false,
        }
    }

    /// Whether a step could change anything.
    pub fn wants_step(&self, now: u32) -> bool {
        self.seen != Some((self.words.theirs(), now))
    }

    /// Steps it. `fault` is what a sender or a receiver of this link has found; `clear` resets all of them. It is
    /// [`crate::lanes::step_link`] that callers use.
    pub(crate) fn step(&mut self, now: u32, open: bool, fault: Option<Fault>, clear: impl FnOnce()) -> StepOutcome {
        // Of an end that has been taken down meanwhile the peer's words may have begun anew: they prove nothing.
        let was = End::from_word(self.words.mine()).state;
        if let Some(fault) = fault.filter(|_| was >= State::Ready) {
            self.status.faults[fault.kind()].add(1);
            self.held_until = Some(now.wrapping_add(HELD_FOR));
        }
        let theirs = self.words.theirs();
        let before = self.words.mine();
        let end = self.advance(now, open && self.is_compatible(), clear);
        let alive = self.liveness.observe(self.peer.heartbeat.load(Ordering::Relaxed), now);
        let rang = self.words.mine() != before;
        // If our word has changed, the next step looks at the peer's word again in any case.
        self.seen = (!rang).then_some((theirs, now));
        self.publish_status(end, alive, rang)
    }

    fn advance(&mut self, now: u32, willing: bool, clear: impl FnOnce()) -> End {
        if self.held_until.is_some_and(|until| (until.wrapping_sub(now) as i32) <= 0) {
            self.held_until = None;
        }
        if !willing || self.held_until.is_some() {
            link::take_down(&self.words);
            return End::from_word(self.words.mine());
        }
        link::step(&self.words, clear).0
    }

    fn publish_status(&mut self, end: End, alive: bool, ring: bool) -> StepOutcome {
        let usable = end.state == State::Up && alive;
        let stalled = end.state == State::Up && !alive;
        let changed = usable != self.usable;
        self.usable = usable;
        if changed {
            let counter = if usable { &self.status.ups } else { &self.status.downs };
            counter.add(1);
            self.status.stalls.add(u64::from(stalled));
        }
        let state = if stalled { LinkStatus::STALLED } else { end.state as u8 };
        self.status.state.store(state, Ordering::Relaxed);
        StepOutcome { receive: end.state >= State::Ready, send: usable, changed, ring }
    }

    /// Whether the peer has come up with the layout and the protocol that we know.
    fn is_compatible(&self) -> bool {
        self.peer.magic.load(Ordering::Acquire) == MAGIC
            && self.peer.version.load(Ordering::Relaxed) == VERSION
            && self.peer.fingerprint.load(Ordering::Relaxed) == self.fingerprint
    }
}

#[cfg(test)]
mod tests;
