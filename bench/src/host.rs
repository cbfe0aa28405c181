//! The host that measures: its names, and whether it was quiet enough for the figures to mean something.

use std::fmt;
use std::fs;
use std::thread;

use anyhow::{Context, Result};
use procfs::process::Process;
use procfs::{CpuInfo, Current, CurrentSI, KernelStats, LoadAverage};

/// If others take more than this share of the host's time, the figures depend on them.
const OTHERS_MOST: f64 = 0.1;

/// The host when the bench began.
pub struct HostWatch {
    load: HostLoad,
    ticks: Ticks,
}

/// The load of the host during a bench.
#[derive(Clone, Copy, PartialEq, Debug)]
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
        let cores = thread::available_parallelism().context("cannot tell the number of cores")?.get();
        let load = HostLoad { cores, load_at_start: LoadAverage::current()?.one.into(), share_of_others: 0.0 };
        Ok(HostWatch { load, ticks: Ticks::now()? })
    }

    /// Ends now. Processes of ours count as ours only if they have ended.
    ///
    /// # Errors
    /// If /proc is not as proc(5) has it.
    pub fn end(self) -> Result<HostLoad> {
        Ok(HostLoad { share_of_others: Ticks::now()?.share_of_others_since(self.ticks), ..self.load })
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
    let name = CpuInfo::current().ok().and_then(|info| info.model_name(0).map(str::to_owned));
    name.unwrap_or_else(|| "unknown".to_owned())
}

/// The kind of processor, as CPUID numbers it: `authenticamd-25-17`. Of one kind all have the same caches, or nearly so.
///
/// # Errors
/// If /proc is not as proc(5) has it.
pub fn kind() -> Result<String> {
    let info = CpuInfo::current().context("cannot read /proc/cpuinfo")?;
    let field = |name: &str| info.get_field(0, name).with_context(|| format!("/proc/cpuinfo has no field {name:?}"));
    let [vendor, family, model] = ["vendor_id", "cpu family", "model"].map(field);
    Ok(format!("{}-{}-{}", vendor?.to_lowercase(), family?, model?))
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
    let stat = Process::new(process.cast_signed())?.stat()?;
    Ok((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64)
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
        let (host, own) = (KernelStats::current()?.total, Process::myself()?.stat()?);
        let idle = host.idle + host.iowait.unwrap_or_default();
        // Time of guests is counted among users' already.
        let interrupts = [host.irq, host.softirq, host.steal].into_iter().flatten().sum::<u64>();
        let all = host.user + host.nice + host.system + idle + interrupts;
        let children = (own.cutime + own.cstime).cast_unsigned();
        Ok(Ticks { all, idle, ours: own.utime + own.stime + children })
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
        // Of 100 more, 40 were idle and 40 ours.
        let (before, after) = (Ticks { all: 100, idle: 90, ours: 10 }, Ticks { all: 200, idle: 130, ours: 50 });
        assert_eq!(after.share_of_others_since(before), 0.2);
    }

    #[test]
    fn this_host_can_be_watched() {
        let host = HostWatch::begin().unwrap().end().unwrap();
        assert!(host.cores > 0 && (0.0..=1.0).contains(&host.share_of_others));
    }
}
