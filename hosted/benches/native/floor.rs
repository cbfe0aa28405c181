//! The floor that both processes stand on: a few words in a window that nobody has claimed, where they meet, throw the
//! ball, and say that it is enough.
//!
//! The words are the heartbeats of the window's partitions, each in a page of its own.

use std::hint;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hosted::WindowFile;
use serde::{Deserialize, Serialize};
use shmem::{Shape, control_len};

use crate::Failure;

/// For whatever takes no time at all where nothing is wrong.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// The words.
#[derive(Clone, Copy)]
enum Word {
    Ball,
    Back,
    Stop,
    Here,
    There,
    Produced,
    Consumed,
}

const WORDS: usize = 7;

/// Which of the two processes one is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// That which measures.
    Here,
    /// The other.
    There,
}

/// The words, mapped.
pub(crate) struct Floor {
    window: WindowFile,
    side: Side,
    meetings: u64,
}

impl Floor {
    /// A new one, for the process that measures.
    pub(crate) fn lay() -> Result<Self, Failure> {
        let shape = Shape::new(WORDS, 1).map_err(Failure::of("lay the floor"))?;
        let len = WindowFile::default_len(shape).min(control_len(shape) + (WORDS as u64) * (1 << 20));
        let window = WindowFile::create(shape, len, "floor").map_err(Failure::of("lay the floor"))?;
        Ok(Self { window, side: Side::Here, meetings: 0 })
    }

    /// That which is handed out there, for the other process.
    pub(crate) fn step_onto(path: &Path) -> Result<Self, Failure> {
        let window = WindowFile::join(path).map_err(Failure::of("join the process that measures"))?;
        Ok(Self { window, side: Side::There, meetings: 0 })
    }

    /// Its window, to be handed out.
    pub(crate) fn window(&self) -> &WindowFile {
        &self.window
    }

    fn word(&self, word: Word) -> &AtomicU64 {
        self.window.window().header(word as usize).heartbeat
    }

    /// Waits until the other is here too; counts meetings, so both must come equally often.
    pub(crate) fn meet(&mut self) -> Result<(), Failure> {
        self.meetings += 1;
        let (mine, theirs) = match self.side {
            Side::Here => (Word::Here, Word::There),
            Side::There => (Word::There, Word::Here),
        };
        self.word(mine).store(self.meetings, Ordering::Release);
        let mut limit = Limit::new(LIMIT, "the other process to come to the start");
        while self.word(theirs).load(Ordering::Acquire) < self.meetings {
            hint::spin_loop();
            limit.check()?;
        }
        Ok(())
    }

    /// Says that it is enough, or, before a meeting, that it has not begun.
    pub(crate) fn set_stop(&self, stop: Stop) {
        self.word(Word::Stop).store(stop as u64, Ordering::Release);
    }

    /// Whether it is enough.
    pub(crate) fn is_over(&self) -> bool {
        self.word(Word::Stop).load(Ordering::Acquire) == Stop::Now as u64
    }

    /// The line that is thrown.
    pub(crate) fn ball(&self) -> &AtomicU64 {
        self.word(Word::Ball)
    }

    /// The line that is thrown back: the same, or one that only the other process writes.
    pub(crate) fn back(&self, lines: Lines) -> &AtomicU64 {
        match lines {
            Lines::One => self.ball(),
            Lines::OneWriterEach => self.word(Word::Back),
        }
    }

    /// How far the one has come that copies in.
    pub(crate) fn produced(&self) -> &AtomicU64 {
        self.word(Word::Produced)
    }

    /// How far the one has come that copies out.
    pub(crate) fn consumed(&self) -> &AtomicU64 {
        self.word(Word::Consumed)
    }
}

/// Which lines are thrown.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub(crate) enum Lines {
    /// One that both write: it moves to who reads it, and then is already there to be written.
    One,
    /// Two of which each has one writer, as all lines of a window have: the reader's copy must go before each write.
    OneWriterEach,
}

/// Whether to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// Go on.
    NotYet = 0,
    /// It is enough.
    Now = 1,
}

/// A limit for a wait that spins: the clock is looked at now and then, and not at all by who hardly waits.
pub(crate) struct Limit {
    limit: Duration,
    since: Option<Instant>,
    spins: u32,
    what: &'static str,
}

impl Limit {
    /// `what` is waited for.
    pub(crate) fn new(limit: Duration, what: &'static str) -> Self {
        Self { limit, since: None, spins: 0, what }
    }

    /// One more spin.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        self.spins = self.spins.wrapping_add(1);
        if self.spins.is_multiple_of(1 << 14) && self.since.get_or_insert_with(Instant::now).elapsed() > self.limit {
            return Err(Failure::Waited(self.what));
        }
        Ok(())
    }
}
