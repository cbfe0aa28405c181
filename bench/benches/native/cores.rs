//! The two cores, and how a thread stays on one.

use std::str::FromStr;

use anyhow::{Context, Error, Result, ensure};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The two that measure, by Linux's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cores {
    /// Of the process that measures: it receives and asks.
    pub(crate) here: usize,
    /// Of its peer: it sends and answers.
    pub(crate) there: usize,
}

impl FromStr for Cores {
    type Err = Error;

    /// Reads `0,1`.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || format!("`{text}` names no two cores: write them like 0,1");
        let (here, there) = text.split_once(',').with_context(wrong)?;
        let core = |text: &str| text.trim().parse().with_context(wrong);
        let cores = Self { here: core(here)?, there: core(there)? };
        ensure!(cores.here != cores.there, wrong());
        Ok(cores)
    }
}

impl Cores {
    /// The first two on which this process may run, or how many there are.
    pub(crate) fn first_two() -> Result<Result<Self, usize>> {
        let allowed = sched_getaffinity(None).context("cannot read the cores on which this process may run")?;
        let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).take(2).collect();
        Ok(match cores[..] {
            [here, there] => Ok(Self { here, there }),
            _ => Err(cores.len()),
        })
    }

    /// Runs something while the calling thread, which is pinned here, may run on both: for programs that choose their cores
    /// themselves.
    pub(crate) fn on_both<T>(self, start: impl FnOnce() -> Result<T>) -> Result<T> {
        allow(&[self.here, self.there])?;
        let started = start();
        pin(self.here)?;
        started
    }
}

/// Keeps the calling thread on that core.
pub(crate) fn pin(core: usize) -> Result<()> {
    allow(&[core])
}

fn allow(cores: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    cores.iter().filter(|core| **core < CpuSet::MAX_CPU).for_each(|core| set.set(*core));
    sched_setaffinity(None, &set).with_context(|| format!("cannot stay on core {}", cores[0]))
}
