//! How long processes that want their cores had to wait for them: what the gate, which looks only before and after, does
//! not see.

use std::fs;
use std::time::Duration;

/// A sample whose processes waited for more than that share of its time was disturbed.
pub(crate) const MOST: f64 = 0.05;

/// What all threads of these processes have waited so far (the second field of `schedstat`; Linux,
/// Documentation/scheduler/sched-stats.rst). Nothing, where the kernel does not tell.
pub(crate) fn waited(processes: &[u32]) -> Duration {
    let threads = processes.iter().filter_map(|process| fs::read_dir(format!("/proc/{process}/task")).ok()).flatten();
    let told = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
    let waited = told.filter_map(|told| told.split_whitespace().nth(1)?.parse::<u64>().ok());
    Duration::from_nanos(waited.sum())
}
