//! The one time that all files of a package have, so that the same sources make the same bytes
//! (<https://reproducible-builds.org/specs/source-date-epoch>).

use std::env;
use std::process::Command;

use anyhow::{Context, Result};

use crate::places::Places;
use crate::process;

const VARIABLE: &str = "SOURCE_DATE_EPOCH";

/// A time in seconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Epoch(u64);

impl Epoch {
    /// What the environment says, else the time of the last commit, else of what has no history the beginning of time.
    pub(crate) fn of_sources(places: &Places) -> Result<Epoch> {
        if let Ok(text) = env::var(VARIABLE) {
            return Ok(Epoch(text.parse().with_context(|| format!("{VARIABLE} is no number of seconds: {text}"))?));
        }
        let mut git = Command::new("git");
        git.arg("-C").arg(&places.workspace).args(["log", "-1", "--format=%ct"]);
        let text = process::output(&mut git, process::QUICK).unwrap_or_default();
        Ok(Epoch(text.trim().parse().unwrap_or(0)))
    }

    pub(crate) fn seconds(self) -> u64 {
        self.0
    }

    /// Makes a command take this for the time.
    pub(crate) fn set_for(self, command: &mut Command) -> &mut Command {
        command.env(VARIABLE, self.0.to_string())
    }

    /// As a changelog has it: `Tue, 01 Dec 2026 16:03:26 +0000`.
    pub(crate) fn in_words(self) -> Result<String> {
        let mut date = Command::new("date");
        date.env("LC_ALL", "C").args(["-u", "-R", "-d"]).arg(format!("@{}", self.0));
        Ok(process::output(&mut date, process::QUICK)?.trim().to_owned())
    }
}
