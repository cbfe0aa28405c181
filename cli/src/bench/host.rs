//! The host that measures: whether it was quiet enough for its figures to mean something.

use std::fmt;
use std::fs;
use std::thread;

use anyhow::{Context, Result};
use serde::Serialize;

/// More than this share of the host's time for others, and the figures are theirs too.
const OTHERS_MOST: f64 = 0.1;

/// The host when measuring began.
pub struct Watched {
    cores: usize,
    load: f64,
    ticks: Ticks,
}

/// The host while something was measured.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Host {
    cores: usize,
    /// Processes that ran or wanted to, over the minute before.
    load_at_start: f64,
    /// What others took of its processors' time meanwhile, 0 to 1.
    share_of_others: f64,
}

impl Watched {
    /// From now on.
    ///
    /// # Errors
    /// If /proc does not tell what proc(5) says it does.
    pub fn begin() -> Result<Watched> {
        let text = fs::read_to_string("/proc/loadavg").context("cannot read /proc/loadavg")?;
        let load = text.split_whitespace().next().and_then(|load| load.parse().ok());
        let cores = thread::available_parallelism().context("cannot tell the number of cores")?.get();
        Ok(Watched { cores, load: load.context("/proc/loadavg names no load")?, ticks: Ticks::now()? })
    }

    /// Until now. What is ours counts when it has ended: machines that still run are others.
    ///
    /// # Errors
    /// If /proc does not tell what proc(5) says it does.
    pub fn end(self) -> Result<Host> {
        let share_of_others = Ticks::now()?.share_of_others_since(self.ticks);
        Ok(Host { cores: self.cores, load_at_start: self.load, share_of_others })
    }
}

impl Host {
    /// Whether others had more work for it than it has cores, or took much of its time.
    pub fn is_disturbed(self) -> bool {
        self.load_at_start > self.cores as f64 || self.share_of_others > OTHERS_MOST
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Host { cores, load_at_start, share_of_others } = self;
        let percent = share_of_others * 100.0;
        write!(f, "{cores} cores, load {load_at_start:.2} at the start, {percent:.0} % of its time for others")?;
        match self.is_disturbed() {
            true => f.write_str("\n  DISTURBED: others were at work, do not trust these figures"),
            false => Ok(()),
        }
    }
}

/// Processor time so far, in the kernel's units (proc(5): `/proc/stat`, `/proc/self/stat`).
#[derive(Clone, Copy)]
struct Ticks {
    /// Of all processors together, idle or not.
    all: u64,
    idle: u64,
    /// Of this process and its children that have ended.
    ours: u64,
}

impl Ticks {
    fn now() -> Result<Ticks> {
        let (host, own) = (fs::read_to_string("/proc/stat")?, fs::read_to_string("/proc/self/stat")?);
        Ticks::read(&host, &own).context("/proc/stat or /proc/self/stat is not as proc(5) has it")
    }

    fn read(host: &str, own: &str) -> Option<Ticks> {
        let of_all = host.lines().find_map(|line| line.strip_prefix("cpu "))?;
        // Time of guests, the last two, is counted among users' already.
        let of_all: Vec<u64> = of_all.split_whitespace().take(8).map_while(|ticks| ticks.parse().ok()).collect();
        // The program's name, in parentheses, may hold spaces; the times are fields 14 to 17, this begins at 3.
        let fields = own.rsplit_once(')')?.1.split_whitespace();
        let ours: Vec<u64> = fields.skip(11).take(4).map_while(|ticks| ticks.parse().ok()).collect();
        let [_, _, _, idle, waiting, ..] = of_all[..] else { return None };
        (ours.len() == 4).then(|| Ticks { all: of_all.iter().sum(), idle: idle + waiting, ours: ours.iter().sum() })
    }

    fn share_of_others_since(self, before: Ticks) -> f64 {
        let since = |of: fn(Ticks) -> u64| of(self).saturating_sub(of(before));
        let all = since(|ticks| ticks.all);
        let others = all.saturating_sub(since(|ticks| ticks.idle)).saturating_sub(since(|ticks| ticks.ours));
        others as f64 / all.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_with_more_work_than_cores_or_much_for_others_is_disturbed() {
        let quiet = Host { cores: 2, load_at_start: 2.0, share_of_others: 0.1 };
        let loaded = Host { load_at_start: 2.01, ..quiet };
        let shared = Host { share_of_others: 0.11, ..quiet };
        assert!(!quiet.is_disturbed() && !quiet.to_string().contains("DISTURBED"));
        for host in [loaded, shared] {
            assert!(host.is_disturbed() && host.to_string().contains("DISTURBED"), "{host}");
        }
    }

    #[test]
    fn what_was_neither_idle_nor_ours_was_others() {
        let own = |ticks: u64| format!("7 (a (b) c) S 1 7 7 0 -1 0 0 0 0 0 {ticks} 1 1 1 20 0 1 0 5");
        let before = Ticks::read("cpu  10 0 0 80 10 0 0 0 5 5\ncpu0 1 1\n", &own(7)).unwrap();
        let after = Ticks::read("cpu  70 0 0 110 20 0 0 0 5 5\ncpu0 1 1\n", &own(47)).unwrap();
        assert_eq!((before.all, before.idle, before.ours), (100, 90, 10));
        // Of 100 more, 40 were idle and 40 ours.
        assert_eq!(after.share_of_others_since(before), 0.2);
        assert!(Ticks::read("cpu  1 2\n", &own(7)).is_none());
        assert!(Ticks::read("", "").is_none());
    }

    #[test]
    fn this_host_can_be_watched() {
        let host = Watched::begin().unwrap().end().unwrap();
        assert!(host.cores > 0 && (0.0..=1.0).contains(&host.share_of_others));
    }
}
