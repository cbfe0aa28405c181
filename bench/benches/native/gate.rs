//! Whether the machine is quiet: the round trip of a cache line between the two cores before and after each sample, and how
//! long the processes wait for their cores meanwhile.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use bench::probe::Probe;
use bench::rounds::Attempt;

use crate::control::Lines;
use crate::peer::Peer;
use crate::plan::Effort;
use crate::trips::Bounces;

/// A round trip of so many times the best one is disturbed.
const DISTURBED: f64 = 1.5;
/// Round trips whose median counts: rows of some ten microseconds each.
const BOUNCES: Bounces = Bounces { lines: Lines::One, rows: 9, trips: 200 };
/// Checks at the beginning, to find the best.
const FIRST_CHECKS: usize = 40;
const QUIET_LIMIT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(10);
const ATTEMPTS: u32 = 4;
/// A sample whose processes waited for more than this share of its time is disturbed. Another busy process takes half of a
/// core. testpmd waits for 7 % of it by itself, for the thread of its prompt.
const WAITED_MOST: f64 = 0.15;

pub(crate) struct Gate {
    /// The best median of this run.
    pub(crate) best: f64,
    effort: Effort,
}

impl Gate {
    /// Checks often enough to know the best round trip.
    pub(crate) fn new(peer: &mut Peer, effort: Effort) -> Result<Self> {
        let mut gate = Self { best: f64::INFINITY, effort };
        for _ in 0..FIRST_CHECKS {
            gate.is_quiet(peer)?;
        }
        Ok(gate)
    }

    /// Takes a sample on a quiet machine, with several attempts.
    pub(crate) fn sample(&mut self, probe: &mut dyn Probe<Peer>, peer: &mut Peer) -> Result<Attempt> {
        let mut attempt = Attempt::default();
        for _ in 0..ATTEMPTS {
            if !self.await_quiet(peer)? {
                break;
            }
            let start = Instant::now();
            peer.waited = Duration::ZERO;
            let sample = probe.sample(peer)?;
            let has_cores = self.counts(peer.waited.div_duration_f64(start.elapsed()) <= WAITED_MOST);
            if has_cores && self.is_quiet(peer)? {
                attempt.sample = Some(sample);
                break;
            }
            attempt.discarded += 1;
        }
        Ok(attempt)
    }

    fn is_quiet(&mut self, peer: &mut Peer) -> Result<bool> {
        let median = BOUNCES.median(peer)?;
        self.best = self.best.min(median);
        Ok(self.counts(median <= self.best * DISTURBED))
    }

    fn counts(&self, is_quiet: bool) -> bool {
        // Nobody looks at the figures of a smoke test.
        is_quiet || self.effort == Effort::Smoke
    }

    fn await_quiet(&mut self, peer: &mut Peer) -> Result<bool> {
        let start = Instant::now();
        while !self.is_quiet(peer)? {
            if start.elapsed() > QUIET_LIMIT {
                return Ok(false);
            }
            thread::sleep(PAUSE);
        }
        Ok(true)
    }
}
