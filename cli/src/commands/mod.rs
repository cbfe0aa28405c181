//! The subcommands, one module each.

pub mod bench;
pub mod check;
pub mod image;
pub mod inventory;
pub mod plan;
pub mod report;
pub mod run;

use std::io::{self, Write, stderr, stdout};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use emulator::colours::Colours;
use emulator::emulated::{Assumed, EmulatedDevice, EmulatedMachine};
use emulator::launch::LaunchError;
use emulator::source::{Refusal, Source, SourceError};

use crate::render::draw;

/// The exit code of a refusal or a failure. Wrong usage is 2, which `clap` sees to.
const FAILED: u8 = 1;

/// Prints what a command has to say.
///
/// # Errors
/// If it cannot be written. A reader that has seen enough, such as `head`, is none.
fn say(text: &str) -> Result<()> {
    let written = stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Says which devices are taken for there because nobody could look.
fn tell_assumed(assumed: &Assumed) {
    if !assumed.beyond.is_empty() {
        eprintln!("note: assumed: {}; see with `sprig plan --inventory`", assumed.beyond.join(", "));
    }
}

/// The smallest machine that a box needs, with the devices that are asked for.
fn machine(source: &Source, devices: &[EmulatedDevice]) -> Result<EmulatedMachine> {
    if devices.len() > EmulatedMachine::DEVICES_MAX {
        bail!("{} devices are too many: there is room for {}", devices.len(), EmulatedMachine::DEVICES_MAX);
    }
    let (machine, lacking) = EmulatedMachine::with_devices(source.request(), devices.to_vec());
    source.require_devices(&machine, lacking)?;
    Ok(machine)
}

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
