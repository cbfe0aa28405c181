//! The two cores, and how a thread stays on one.

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The two that measure, by Linux's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cores {
    /// Of the process that measures: it receives and asks.
    pub(crate) here: usize,
    /// Of its peer: it sends and answers.
    pub(crate) there: usize,
}

impl Cores {
    /// Runs something while the calling thread, which is pinned here, may run on both: for programs that choose their cores
    /// themselves.
    pub(crate) fn on_both<T>(self, start: impl FnOnce() -> Result<T>) -> Result<T> {
        allow(&[self.here, self.there])?;
        let started = start();
        pin(self.here)?;
        started
    }
}

/// The first two on which this process may run, or the only one.
pub(crate) fn first_two() -> Result<Vec<usize>> {
    let allowed = sched_getaffinity(None).context("cannot read the cores on which this process may run")?;
    Ok((0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).take(2).collect())
}

pub(crate) fn pin(core: usize) -> Result<()> {
    allow(&[core])
}

fn allow(cores: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    cores.iter().filter(|core| **core < CpuSet::MAX_CPU).for_each(|core| set.set(*core));
    sched_setaffinity(None, &set).with_context(|| format!("cannot stay on core {}", cores[0]))
}
