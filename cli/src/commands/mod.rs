//! The subcommands, one module each.

pub mod check;
pub mod image;
pub mod inventory;
pub mod plan;
pub mod run;

use std::io::stderr;
use std::process::ExitCode;

use crate::launch::LaunchError;
use crate::render::{Colours, draw};
use crate::source::{Refusal, SourceError};

/// The exit code of a refusal or a failure. Wrong usage is 2, which `clap` sees to.
const FAILED: u8 = 1;

/// Tells a person why a command did not do what it should.
pub fn report(error: &anyhow::Error) -> ExitCode {
    let colours = Colours::wanted(&stderr());
    match refusal(error) {
        Some(refusal) => {
            eprintln!("{}", draw(refusal, colours));
            eprintln!("\n{}", colours.paint("1", &count(refusal.diagnostics.len())));
        }
        None => eprintln!("{} {error:#}", colours.paint("1;31", "error:")),
    }
    ExitCode::from(FAILED)
}

fn refusal(error: &anyhow::Error) -> Option<&Refusal> {
    if let Some(SourceError::Refused(refusal)) = error.downcast_ref() {
        return Some(refusal);
    }
    if let Some(LaunchError::Refused(refusal)) = error.downcast_ref() {
        return Some(refusal);
    }
    error.downcast_ref()
}

fn count(errors: usize) -> String {
    match errors {
        1 => "1 error; nothing was done".to_owned(),
        errors => format!("{errors} errors; nothing was done"),
    }
}
