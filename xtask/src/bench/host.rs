//! The host that measures: whether it was quiet enough for its figures to mean something.

use std::fmt;
use std::fs;
use std::thread;

use anyhow::{Context, Result};
use serde::Serialize;

/// The host when measuring began.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(crate) struct Host {
    pub(crate) cores: usize,
    /// Processes that ran or wanted to, over the last minute.
    pub(crate) load: f64,
}

impl Host {
    /// As it is now.
    pub(crate) fn look() -> Result<Host> {
        let text = fs::read_to_string("/proc/loadavg").context("cannot read /proc/loadavg")?;
        let load = text.split_whitespace().next().and_then(|load| load.parse().ok());
        let cores = thread::available_parallelism().context("cannot tell the number of cores")?.get();
        Ok(Host { cores, load: load.context("/proc/loadavg names no load")? })
    }

    /// Whether others had more work for it than it has cores.
    pub(crate) fn is_disturbed(self) -> bool {
        self.load > self.cores as f64
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cores, load {:.2} at the start", self.cores, self.load)?;
        if self.is_disturbed() {
            f.write_str("; DISTURBED: others were at work, do not trust these figures")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_with_more_work_than_cores_is_disturbed_and_says_so() {
        let quiet = Host { cores: 2, load: 2.0 };
        let busy = Host { cores: 2, load: 2.01 };
        assert!(!quiet.is_disturbed() && !quiet.to_string().contains("DISTURBED"));
        assert!(busy.is_disturbed() && busy.to_string().contains("DISTURBED"));
    }

    #[test]
    fn this_host_can_be_looked_at() {
        assert!(Host::look().unwrap().cores > 0);
    }
}
