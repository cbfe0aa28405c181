//! Links: the handshake by which two partitions begin and end to talk.
//!
//! Each end of a link is one word in its partition's header page, so that it is always seen whole:
//!
//! ```text
//! bits  0..31   generation: grows with every new beginning of this end, and is never used again
//! bits 31..62   echo: the other end's generation that this end speaks to
//! bits 62..64   state
//! ```
//!
//! | state | what this end announces by it |
//! |---|---|
//! | [`State::Down`] | I neither read nor write, but you may still use my words and buffers of this generation |
//! | [`State::Init`] | my words are zero, and I use none of yours yet |
//! | [`State::Ready`] | I have seen you at Init: I receive |
//! | [`State::Up`] | I have seen you at Ready: I send |
//!
//! Two ends *agree* when each echoes the other's generation. Whoever is Ready or Up and finds no agreement goes Down.
//! From Down one begins anew only when the other has left too: until then its words and buffers may still be read. That
//! makes this a handshake of Dekker's kind: each end stores its word, then loads the other's, with a full fence
//! between. Without it, one could find the other gone that is just coming.
//!
//! A partition that dies leaves its words as they are. Its heartbeat stops, and its peers take the carrier off
//! ([`Liveness`]). They take nothing back until it begins anew or goes on.

use core::sync::atomic::{AtomicU64, Ordering};

use shmem::order::full_fence;

/// How far one end is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum State {
    /// Not taking part.
    Down = 0,
    /// Begun.
    Init = 1,
    /// Receiving.
    Ready = 2,
    /// Receiving and sending.
    Up = 3,
}

/// One end of a link, decoded from its word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct End {
    /// Its generation: 31 bits, 0 if it has never begun.
    pub generation: u32,
    /// The other's generation that it speaks to; 0: none.
    pub echo: u32,
    /// How far it is.
    pub state: State,
}

const GENERATION: u64 = (1 << 31) - 1;

impl End {
    /// From a word, whatever it holds.
    pub fn from_word(word: u64) -> Self {
        let state = match word >> 62 {
            0 => State::Down,
            1 => State::Init,
            2 => State::Ready,
            _ => State::Up,
        };
        Self { generation: (word & GENERATION) as u32, echo: (word >> 31 & GENERATION) as u32, state }
    }

    /// As a word.
    pub fn to_word(self) -> u64 {
        u64::from(self.generation) & GENERATION | (u64::from(self.echo) & GENERATION) << 31 | (self.state as u64) << 62
    }

    /// Whether each echoes the other.
    pub fn agrees_with(self, other: Self) -> bool {
        self.echo == other.generation && other.echo == self.generation
    }

    fn at(self, state: State) -> Self {
        Self { state, ..self }
    }

    /// The next beginning. Generation 0 is left out: it means "never".
    fn anew(self, other: Self) -> Self {
        let generation = ((u64::from(self.generation) + 1) & GENERATION).max(1) as u32;
        let echo = if other.state == State::Down { 0 } else { other.generation };
        Self { generation, echo, state: State::Init }
    }
}

/// The next action of an end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Nothing.
    Stay,
    /// Stores this.
    Announce(End),
    /// Zeroes its words and takes its buffers back, then stores this.
    BeginWith(End),
}

/// The next action, from both ends. Pure: the whole handshake is here.
pub fn next(mine: End, theirs: End) -> Next {
    match mine.state {
        // It still takes part in our old generation, and may use what we would clear.
        State::Down if theirs.state >= State::Ready && theirs.echo == mine.generation => Next::Stay,
        State::Down => Next::BeginWith(mine.anew(theirs)),
        State::Init if theirs.state == State::Down => Next::Stay,
        State::Init if mine.echo != theirs.generation => Next::Announce(End { echo: theirs.generation, ..mine }),
        State::Init if mine.agrees_with(theirs) => Next::Announce(mine.at(State::Ready)),
        State::Init => Next::Stay,
        State::Ready | State::Up if !mine.agrees_with(theirs) || theirs.state == State::Down => {
            Next::Announce(mine.at(State::Down))
        }
        State::Ready if theirs.state >= State::Ready => Next::Announce(mine.at(State::Up)),
        State::Ready => Next::Stay,
        State::Up if theirs.state == State::Init => Next::Announce(mine.at(State::Down)),
        State::Up => Next::Stay,
    }
}

/// The words of a link, as one end uses them.
pub trait LinkWords {
    /// Loads our own word.
    fn mine(&self) -> u64;
    /// Replaces our own word if it is still `old`. By release, so that a peer that sees it sees our words as they were
    /// cleared; partner of [`LinkWords::theirs`].
    fn replace_mine(&self, old: u64, new: u64) -> bool;
    /// Loads the other's word, by acquire.
    fn theirs(&self) -> u64;
    /// The full fence between storing our word and loading the other's.
    fn fence_announced(&self);
}

/// The words of a link in a window.
#[derive(Clone, Copy)]
pub struct WindowWords<'w> {
    /// Our own, in our header page.
    pub mine: &'w AtomicU64,
    /// The peer's, in its.
    pub theirs: &'w AtomicU64,
}

impl LinkWords for WindowWords<'_> {
    fn mine(&self) -> u64 {
        self.mine.load(Ordering::Relaxed)
    }

    fn replace_mine(&self, old: u64, new: u64) -> bool {
        self.mine.compare_exchange(old, new, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    fn theirs(&self) -> u64 {
        self.theirs.load(Ordering::Acquire)
    }

    fn fence_announced(&self) {
        full_fence();
    }
}

/// Steps an end once: loads the other's word, calls `clear` if this end begins anew, and stores what follows. Returns
/// the end as it is now, and whether its word has changed.
pub fn step(words: &impl LinkWords, clear: impl FnOnce()) -> (End, bool) {
    let word = words.mine();
    let mine = End::from_word(word);
    words.fence_announced();
    let announced = match next(mine, End::from_word(words.theirs())) {
        Next::Stay => return (mine, false),
        Next::Announce(end) => end,
        Next::BeginWith(end) => {
            clear();
            end
        }
    };
    // If it fails, another context has taken this end down meanwhile, and the next step will see that.
    let done = words.replace_mine(word, announced.to_word());
    (End::from_word(words.mine()), done)
}

/// Takes our end down, from wherever it is. May be called in any context, also while another steps it.
pub fn take_down(words: &impl LinkWords) {
    // Bounded: only steps of our own change our word, and each of them says one thing.
    for _ in 0..8 {
        let word = words.mine();
        let down = End::from_word(word).at(State::Down);
        if words.replace_mine(word, down.to_word()) {
            return;
        }
    }
}

/// Whether a peer is alive, from its heartbeat. Times are counted in our own ticks.
#[derive(Clone, Copy, Default, Debug)]
pub struct Liveness {
    beat: u64,
    since: u32,
}

/// Ticks without a heartbeat after which a peer counts as frozen.
pub const FROZEN_AFTER: u32 = 8;

impl Liveness {
    /// Notes the heartbeat at tick `now`, and returns whether the peer is alive.
    pub fn observe(&mut self, beat: u64, now: u32) -> bool {
        if beat != self.beat {
            *self = Self { beat, since: now };
        }
        now.wrapping_sub(self.since) < FROZEN_AFTER
    }
}

#[cfg(test)]
mod tests;
