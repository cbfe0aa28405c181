//! What both processes share for a rendezvous: a few words in a window that no endpoint has claimed.
//!
//! The words are the heartbeats of the window's partitions, each in a page of its own.

use std::hint;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hosted::WindowFile;
use shmem::{Shape, control_len};

/// The limit of a wait that takes no time at all where nothing is wrong.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

const WORDS: usize = 7;

/// A word, by the number of its partition.
#[derive(Clone, Copy)]
pub(crate) enum Word {
    /// The line that this process writes and the other waits for.
    Ping,
    /// The line that comes back.
    Pong,
    /// 1 when the peer is to end.
    Stop,
    /// How often each process has come to a meeting.
    MetHere,
    MetThere,
    /// How far each side has come that copies.
    Produced,
    Consumed,
}

/// Which lines a round trip of cache lines takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lines {
    /// One that both write: it moves to its reader, and is already there to be written.
    One,
    /// Two with one writer each, like all lines of a window: the reader's copy must go before each write.
    OneWriterEach,
}

pub(crate) struct Control {
    window: WindowFile,
    meetings: u64,
    is_peer: bool,
}

impl Control {
    pub(crate) fn new() -> Result<Self> {
        let shape = Shape::new(WORDS, 1).context("cannot make the control window")?;
        let len = WindowFile::default_len(shape).min(control_len(shape) + (WORDS as u64) * (1 << 20));
        let window = WindowFile::create(shape, len, "control").context("cannot make the control window")?;
        Ok(Self { window, meetings: 0, is_peer: false })
    }

    /// Forgets the sample before.
    pub(crate) fn reset(&mut self) {
        self.meetings = 0;
        (0..WORDS).for_each(|word| self.window.window().header(word).heartbeat.store(0, Ordering::Relaxed));
    }

    pub(crate) fn as_peer(&mut self) -> &mut Self {
        self.is_peer = true;
        self
    }

    pub(crate) fn word(&self, word: Word) -> &AtomicU64 {
        self.window.window().header(word as usize).heartbeat
    }

    pub(crate) fn lines(&self, lines: Lines) -> [&AtomicU64; 2] {
        let back = if lines == Lines::One { Word::Ping } else { Word::Pong };
        [self.word(Word::Ping), self.word(back)]
    }

    /// Waits until the other process is here too. Both must come equally often.
    pub(crate) fn meet(&mut self) -> Result<()> {
        self.meetings += 1;
        let words = [Word::MetHere, Word::MetThere];
        self.word(words[usize::from(self.is_peer)]).store(self.meetings, Ordering::Release);
        let mut limit = Limit::new("the other process to come to the start");
        while self.word(words[usize::from(!self.is_peer)]).load(Ordering::Acquire) < self.meetings {
            hint::spin_loop();
            limit.check()?;
        }
        Ok(())
    }

    pub(crate) fn stop(&self) {
        self.word(Word::Stop).store(1, Ordering::Release);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.word(Word::Stop).load(Ordering::Acquire) == 1
    }
}

/// The limit of a wait that spins. It reads the clock now and then, and never in a short wait.
pub(crate) struct Limit {
    since: Option<Instant>,
    spins: u32,
    what: &'static str,
}

impl Limit {
    pub(crate) fn new(what: &'static str) -> Self {
        Self { since: None, spins: 0, what }
    }

    pub(crate) fn check(&mut self) -> Result<()> {
        self.spins = self.spins.wrapping_add(1);
        if self.spins.is_multiple_of(1 << 14) && self.since.get_or_insert_with(Instant::now).elapsed() > LIMIT {
            bail!("waited in vain for {}", self.what);
        }
        Ok(())
    }
}
