//! `sprig doctor`: what this machine lacks, or has in the way.

use std::io::stdout;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use emulator::colours::Colours;

use super::{FAILED, print};
use crate::doctor::{Host, Report};

/// Show what this machine lacks or has in the way, and how to mend it
///
/// Looks at what an emulated box needs (`sprig run`), and apart from that at what a box on the machine itself needs (`sprig
/// image`). Changes nothing; as root it sees more. The report has no names of hosts and users, no serial numbers and no
/// network addresses in it, so that it can be pasted. Succeeds if an emulated box can run.
#[derive(clap::Args)]
pub struct Doctor {
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Examine the machine whose files are below this folder
    #[arg(long, value_name = "FOLDER", default_value = "/", hide = true)]
    root: PathBuf,
}

impl Doctor {
    /// Prints the report.
    ///
    /// # Errors
    /// If it cannot be printed.
    pub fn run(&self) -> Result<ExitCode> {
        let report = Report::of(&Host::new(&self.root));
        match self.json {
            true => print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?,
            false => print(&report.text(Colours::wanted(&stdout())))?,
        }
        Ok(if report.can_emulate() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
    }
}
