//! The host that measures: its names, and whether it was quiet enough for the figures to mean something.

use std::fmt;
use std::fs;
use std::thread;

use anyhow::{Context, Result};
use serde::Serialize;

/// If others take more than this share of the host's time, the figures depend on them.
const OTHERS_MOST: f64 = 0.1;
/// Of processor time in /proc, on every architecture that Sprig runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// The host when the bench began.
pub struct HostWatch {
    cores: usize,
    load: f64,
    ticks: Ticks,
}

/// The load of the host during a bench.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct HostLoad {
    cores: usize,
    /// Processes that ran or waited to run, over the minute before.
    load_at_start: f64,
    /// The share of its processors' time that others took, 0 to 1.
    share_of_others: f64,
}

impl HostWatch {
    /// Starts now.
    ///
    /// # Errors
    /// If /proc is not as proc(5) has it.
    pub fn begin() -> Result<HostWatch> {
        let text = fs::read_to_string("/proc/loadavg").context("cannot read /proc/loadavg")?;
        let load = text.split_whitespace().next().and_then(|load| load.parse().ok());
        let cores = thread::available_parallelism().context("cannot tell the number of cores")?.get();
        Ok(HostWatch { cores, load: load.context("/proc/loadavg names no load")?, ticks: Ticks::now()? })
    }

    /// Ends now. Processes of ours count as ours only if they have ended.
    ///
    /// # Errors
    /// If /proc is not as proc(5) has it.
    pub fn end(self) -> Result<HostLoad> {
        let share_of_others = Ticks::now()?.share_of_others_since(self.ticks);
        Ok(HostLoad { cores: self.cores, load_at_start: self.load, share_of_others })
    }
}

impl HostLoad {
    /// Whether others had work for more cores than it has, or took much of its time.
    pub fn is_disturbed(self) -> bool {
        self.load_at_start > self.cores as f64 || self.share_of_others > OTHERS_MOST
    }
}

impl fmt::Display for HostLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HostLoad { cores, load_at_start, share_of_others } = self;
        let percent = share_of_others * 100.0;
        write!(f, "{cores} cores, load {load_at_start:.2} at the start, {percent:.0} % of its time for others")?;
        if self.is_disturbed() {
            f.write_str("; DISTURBED: others were at work, do not trust these figures")
        } else {
            Ok(())
        }
    }
}

/// The name of the processor.
pub fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or("unknown".to_owned(), |(_, name)| name.to_owned())
}

/// The release of the kernel.
///
/// # Errors
/// If /proc is not as proc(5) has it.
pub fn kernel() -> Result<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").context("cannot read the kernel's release")?;
    Ok(release.trim().to_owned())
}

/// The processor time of a running process, in seconds, without its children.
///
/// # Errors
/// If /proc is not as proc(5) has it.
pub fn process_seconds(process: u32) -> Result<f64> {
    let path = format!("/proc/{process}/stat");
    let times = process_ticks(&fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?);
    let [user, system, ..] = times.with_context(|| format!("{path} is not as proc(5) has it"))?;
    Ok((user + system) as f64 / TICKS_PER_SECOND)
}

/// Of a process and of its children that have ended: user and system time (proc(5): `/proc/PID/stat`, fields 14 to 17).
fn process_ticks(stat: &str) -> Option<[u64; 4]> {
    // The program's name, in parentheses, may hold spaces. What follows begins with field 3.
    let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(4);
    fields.map_while(|ticks| ticks.parse().ok()).collect::<Vec<u64>>().try_into().ok()
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
        let [_, _, _, idle, waiting, ..] = of_all[..] else { return None };
        let ours = process_ticks(own)?.iter().sum();
        Some(Ticks { all: of_all.iter().sum(), idle: idle + waiting, ours })
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
        let quiet = HostLoad { cores: 2, load_at_start: 2.0, share_of_others: 0.1 };
        let loaded = HostLoad { load_at_start: 2.01, ..quiet };
        let shared = HostLoad { share_of_others: 0.11, ..quiet };
        assert!(!quiet.is_disturbed() && !quiet.to_string().contains("DISTURBED"));
        for host in [loaded, shared] {
            assert!(host.is_disturbed() && host.to_string().contains("DISTURBED"), "{host}");
        }
    }

    #[test]
    fn time_that_was_neither_idle_nor_ours_was_for_others() {
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
        let host = HostWatch::begin().unwrap().end().unwrap();
        assert!(host.cores > 0 && (0.0..=1.0).contains(&host.share_of_others));
    }
}
