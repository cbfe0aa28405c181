//! How long processes that want their cores had to wait for them: what the gate, which looks only before and after, does
//! not see.

use std::fs;
use std::time::Duration;

/// A sample whose processes waited for more than that share of its time was disturbed. Another process at work takes half of a
/// core; testpmd waits for 7 % of it by itself, for the thread of its prompt.
pub(crate) const MOST: f64 = 0.15;

/// What these processes have waited so far, each by its busiest thread: those that share a core with it wait for it and
/// not for others. Nothing, where the kernel does not tell.
pub(crate) fn waited(processes: &[u32]) -> Duration {
    let waited = processes.iter().filter_map(|process| busiest_waited(*process));
    Duration::from_nanos(waited.sum())
}

/// Of each thread `schedstat` tells how long it ran and how long it waited, in nanoseconds (Linux,
/// Documentation/scheduler/sched-stats.rst).
fn busiest_waited(process: u32) -> Option<u64> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?.flatten();
    let told = threads.filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
    let ran_and_waited = told.filter_map(|told| {
        let mut fields = told.split_whitespace().map_while(|field| field.parse::<u64>().ok());
        Some((fields.next()?, fields.next()?))
    });
    ran_and_waited.max().map(|(_, waited)| waited)
}
