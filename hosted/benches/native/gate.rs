//! Whether the machine is quiet: the round trip of a cache line between the two cores, before each sample and after it.

use std::thread;
use std::time::{Duration, Instant};

use crate::floor::Lines;
use crate::other::Other;
use crate::trips::{self, Throwing};
use crate::{Failure, waits};

/// A round trip that takes so many times as long as the best one of this run is disturbed.
pub(crate) const DISTURBED: f64 = 1.5;
/// Rows whose median counts, each of some ten microseconds.
const THROWING: Throwing = Throwing { lines: Lines::One, rows: 9, trips: 200 };
/// Looks at the beginning, to find the best.
const LOOKS: usize = 40;
/// How long one waits for it to become quiet.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(10);

/// What is known of the round trip.
pub(crate) struct Gate {
    /// The best median of this run.
    pub(crate) best: f64,
    strictness: Strictness,
}

/// Who gets through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Strictness {
    /// Who was not disturbed.
    Strict,
    /// Everybody: nobody will look at how long it took.
    Lenient,
}

/// What a look at it has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Look {
    Quiet,
    Disturbed,
}

impl Gate {
    /// Looks often enough to know the best.
    pub(crate) fn new(other: &mut Other, strictness: Strictness) -> Result<Self, Failure> {
        let mut gate = Self { best: f64::INFINITY, strictness };
        for _ in 0..LOOKS {
            gate.look(other)?;
        }
        Ok(gate)
    }

    /// Looks once.
    pub(crate) fn look(&mut self, other: &mut Other) -> Result<Look, Failure> {
        let mut rows = trips::throw(other, THROWING)?;
        rows.sort_by(f64::total_cmp);
        let median = rows[rows.len() / 2];
        self.best = self.best.min(median);
        Ok(self.judged(median > self.best * DISTURBED))
    }

    /// What is to be thought of a sample of which processes waited that share of the time for their cores.
    pub(crate) fn look_at_wait(&self, share: f64) -> Look {
        self.judged(share > waits::MOST)
    }

    fn judged(&self, disturbed: bool) -> Look {
        if disturbed && self.strictness == Strictness::Strict { Look::Disturbed } else { Look::Quiet }
    }

    /// Looks until it is quiet, or patience is at its end.
    pub(crate) fn await_quiet(&mut self, other: &mut Other) -> Result<Look, Failure> {
        let begin = Instant::now();
        loop {
            match self.look(other)? {
                Look::Disturbed if begin.elapsed() < PATIENCE => thread::sleep(PAUSE),
                look => return Ok(look),
            }
        }
    }
}
