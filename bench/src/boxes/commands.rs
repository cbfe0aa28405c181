//! Where programs run: at a shell, maybe on a chosen core or in a network namespace.

use std::fmt::Display;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow};
use emulator::shell::Shell;
use serde::de::DeserializeOwned;

/// How long a command may take that measures nothing, on a busy host in emulation.
pub(super) const COMMAND_LIMIT: Duration = Duration::from_secs(90);

#[derive(Clone)]
pub(super) struct Commands {
    pub(super) name: String,
    pub(super) shell: Shell,
    /// What precedes a program: `taskset`, `ip netns exec`.
    pub(super) prefix: String,
}

impl Commands {
    pub(super) fn new(name: &str, shell: &Shell, prefix: &str) -> Commands {
        Commands { name: name.to_owned(), shell: shell.clone(), prefix: prefix.to_owned() }
    }

    pub(super) fn line(&self, program: &str) -> String {
        format!("{}{program}", self.prefix)
    }

    /// Runs a program that measures nothing.
    pub(super) fn run(&self, program: &str) -> Result<String> {
        Ok(self.shell.run(&self.line(program), COMMAND_LIMIT)?)
    }

    /// Runs a program that takes so long by itself, and reads its report.
    pub(super) fn measure<T: DeserializeOwned>(&self, program: &str, rest: &str, takes: Duration) -> Result<T> {
        let line = self.line(&format!("{program} {rest}"));
        self.report(program, &self.shell.try_run(&line, takes + COMMAND_LIMIT)?.output)
    }

    pub(super) fn start(&self, job: &str, program: &str) -> Result<()> {
        Ok(self.shell.start(job, &self.line(program))?)
    }

    /// Waits for the end of such a program, and reads its report.
    pub(super) fn finish<T: DeserializeOwned>(&self, job: &str, program: &str, limit: Duration) -> Result<T> {
        self.report(program, &self.shell.finish(job, limit)?)
    }

    fn report<T: DeserializeOwned>(&self, program: &str, output: &str) -> Result<T> {
        serde_json::from_str(output).map_err(|_| self.error(program, output))
    }

    /// What a program printed instead of a report.
    pub(super) fn error(&self, program: &str, output: impl Display) -> Error {
        anyhow!("{}: {program}: {output}", self.name)
    }

    /// Ends what may still run.
    pub(super) fn settle(&self) -> Result<()> {
        self.shell.settle().with_context(|| format!("{} does not respond any more", self.name))
    }
}
