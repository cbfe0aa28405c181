//! The two cores: which, and how one stays there.

use std::fmt;
use std::str::FromStr;

use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

use crate::Failure;

/// One processor, by the number that Linux gives it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Core(pub(crate) usize);

impl fmt::Display for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The two that measure: one receives and asks, the other sends and answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cores {
    /// Of the process that measures.
    pub(crate) here: Core,
    /// Of the other.
    pub(crate) there: Core,
}

impl FromStr for Cores {
    type Err = String;

    /// Reads `0,1`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` names no two cores: write them like 0,1");
        let (here, there) = text.split_once(',').ok_or_else(wrong)?;
        let core = |text: &str| text.trim().parse().map(Core).map_err(|_| wrong());
        let cores = Self { here: core(here)?, there: core(there)? };
        if cores.here == cores.there { Err(wrong()) } else { Ok(cores) }
    }
}

impl Cores {
    /// The first two that this process may run on.
    pub(crate) fn first_two() -> Result<Self, Failure> {
        let allowed = sched_getaffinity(None).map_err(Failure::of("ask for the cores that we may run on"))?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).map(Core);
        match (cores.next(), cores.next()) {
            (Some(here), Some(there)) => Ok(Self { here, there }),
            (one, _) => Err(Failure::TooFewCores(one.iter().len())),
        }
    }

    /// Does something while the calling thread, which is kept on ours, may run on both: for programs that it starts, and
    /// which choose their cores themselves.
    pub(crate) fn on_both<T>(self, start: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        allow(&[self.here, self.there])?;
        let started = start();
        pin(self.here)?;
        started
    }
}

/// Keeps the calling thread on that core.
pub(crate) fn pin(core: Core) -> Result<(), Failure> {
    allow(&[core])?;
    debug_assert_eq!(sched_getcpu(), core.0);
    Ok(())
}

fn allow(cores: &[Core]) -> Result<(), Failure> {
    let mut set = CpuSet::new();
    cores.iter().filter(|core| core.0 < CpuSet::MAX_CPU).for_each(|core| set.set(core.0));
    sched_setaffinity(None, &set).map_err(Failure::of(&format!("stay on core {}", cores[0])))
}
