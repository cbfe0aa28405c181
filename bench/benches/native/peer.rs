//! The two cores, and the peer: a process on the other core that does the other half of a sample.
//!
//! It is forked for each sample, and shares with this process the [control words](crate::control) and the windows that
//! were made before.

use std::io::{Read, Write, pipe};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use procfs::process::Process;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::control::Control;

/// What both processes share, and which cores they have.
pub(crate) struct Peer {
    pub(crate) control: Control,
    pub(crate) cores: Cores,
    /// How long processes that poll have waited for their cores.
    pub(crate) waited: Duration,
}

/// How the processes of a sample wait for each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waits {
    /// They look again and again, and need their cores all the time.
    Polling,
    /// They look for so many microseconds, then sleep until the doorbell rings. A process that sleeps waits a little for its
    /// core whenever it wakes.
    Sleeping {
        /// 0 to sleep at once.
        after_us: u32,
    },
}

impl Peer {
    /// Pins the calling thread.
    pub(crate) fn new(cores: Cores) -> Result<Self> {
        pin(cores.here)?;
        Ok(Self { control: Control::new()?, cores, waited: Duration::ZERO })
    }

    /// Runs both halves at the same time. Returns the results of this one and of the peer.
    pub(crate) fn run<T>(
        &mut self,
        waits: Waits,
        there: impl FnOnce(&mut Control) -> Result<f64>,
        here: impl FnOnce(&mut Control) -> Result<T>,
    ) -> Result<(T, f64)> {
        let (mut reader, writer) = pipe()?;
        let (child, before) = (self.fork(writer, there)?, waited(&[process::id()]));
        let ours = here(&mut self.control);
        if ours.is_err() {
            child.kill();
        }
        let mut answer = String::new();
        reader.read_to_string(&mut answer)?;
        drop(child);
        let ours = ours?;
        let answer: Option<Result<(f64, Duration), String>> = serde_json::from_str(&answer).ok();
        let answer = answer.context("the peer has ended before its time")?;
        let (theirs, waited_there) = answer.map_err(|why| anyhow!("in the peer: {why}"))?;
        if waits == Waits::Polling {
            self.waited += waited(&[process::id()]).saturating_sub(before) + waited_there;
        }
        Ok((ours, theirs))
    }

    #[expect(unsafe_code, reason = "the system has no safe call for it")]
    fn fork(&mut self, mut writer: impl Write, there: impl FnOnce(&mut Control) -> Result<f64>) -> Result<Child> {
        self.control.reset();
        // The peer starts on the core of this thread.
        pin(self.cores.there)?;
        // SAFETY: this process has one thread now, so its copy may do all that it may.
        let id = unsafe { libc::fork() };
        if id != 0 {
            ensure!(id > 0, "cannot fork the peer: {}", std::io::Error::last_os_error());
            let child = Child(Pid::from_raw(id).context("the peer has no number")?);
            return pin(self.cores.here).map(|()| child);
        }
        // The stack below belongs to the process that measures. Neither a return nor a panic may reach it.
        let before = waited(&[process::id()]);
        let result = catch_unwind(AssertUnwindSafe(|| there(self.control.as_peer())));
        let result = result.unwrap_or_else(|_| Err(anyhow!("it panicked")));
        let waited = waited(&[process::id()]).saturating_sub(before);
        let answer = result.map(|value| (value, waited)).map_err(|error| format!("{error:#}"));
        let _ = writer.write_all(&serde_json::to_vec(&answer).unwrap_or_default());
        // SAFETY: it ends this process. Destructors are those of the process that measures.
        unsafe { libc::_exit(0) }
    }

    /// Runs something while these processes need their cores.
    pub(crate) fn watched<T>(&mut self, processes: &[u32], run: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let before = waited(processes);
        let outcome = run(self);
        self.waited += waited(processes).saturating_sub(before);
        outcome
    }
}

/// A forked process, ended when this is dropped.
struct Child(Pid);

impl Child {
    /// Nobody has waited for it yet, so its number is no other's.
    fn kill(&self) {
        let _ = kill_process(self.0, Signal::KILL);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = waitpid(Some(self.0), WaitOptions::empty());
    }
}

/// How long these processes have waited for their cores so far. The busiest thread of each counts: others on its core wait
/// for it. Nothing, where the kernel does not count it.
fn waited(processes: &[u32]) -> Duration {
    Duration::from_nanos(processes.iter().filter_map(|process| busiest_waited(*process)).sum())
}

/// `schedstat` has the nanoseconds that a thread ran and waited (Linux, Documentation/scheduler/sched-stats.rst).
fn busiest_waited(process: u32) -> Option<u64> {
    let threads = Process::new(process.cast_signed()).ok()?.tasks().ok()?.flatten();
    let busiest = threads.filter_map(|thread| thread.schedstat().ok()).max_by_key(|stat| stat.sum_exec_runtime)?;
    Some(busiest.run_delay)
}

/// The two cores that measure, by Linux's numbers.
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
