//! The subcommands, one module each.

mod background;
pub mod bench;
pub mod check;
pub mod completions;
pub mod doctor;
pub mod image;
pub mod init;
pub mod inventory;
pub mod order;
pub mod plan;
pub mod report;
pub mod run;
pub mod status;

use std::io::{self, IsTerminal, Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use emulator::boot_image::{self, BootImage};
use emulator::colours::Colours;
use emulator::emulated::{Assumed, EmulatedDevice, EmulatedMachine};
use emulator::input_file;
use emulator::launch::LaunchError;
use emulator::source::{BoxFileError, Source, SourceError};
use partitioner::diagnostic::Diagnostic;
use partitioner::inventory::Inventory;
use partitioner::plan::Plan;
use rustix::termios::tcgetwinsize;

use crate::render::draw;

/// The exit code of every error but wrong usage, for which `clap` exits with 2.
const FAILED: u8 = 1;

/// The longest record of a machine.
const INVENTORY_MOST: u64 = 64 << 20;

/// Prints a command's output.
///
/// # Errors
/// If it cannot be written. A reader that has closed its end, such as `head`, is no error.
fn print(text: &str) -> Result<()> {
    let written = stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Prints a note, a warning or an error. A reader that has gone is no reason to fail.
fn note(text: &str) {
    let _ = writeln!(stderr().lock(), "{text}");
}

/// Prints which devices are only assumed to exist.
fn print_assumptions(assumed: &Assumed) {
    if !assumed.beyond.is_empty() {
        note(&format!("note: assumed: {}; see with `sprig plan --inventory`", assumed.beyond.join(", ")));
    }
}

/// The width that a table may have: the terminal's, or any if standard output is none.
fn width() -> usize {
    let size = stdout().is_terminal().then(|| tcgetwinsize(stdout()).ok()).flatten();
    size.map_or(usize::MAX, |size| usize::from(size.ws_col)).max(1)
}

/// Finds the boot image, and warns if it is of another version than this command.
fn boot_image(path: Option<&Path>) -> Result<PathBuf> {
    let BootImage { path, version } = boot_image::find(path)?;
    let own = env!("CARGO_PKG_VERSION");
    if version != own {
        note(&format!("warning: {} is of Sprig {version}, and this command of {own}", path.display()));
    }
    Ok(path)
}

/// Prints the warnings about a box that can be planned.
fn print_warnings(source: &Source, machine: &EmulatedMachine) {
    print_as_warnings(source, source.warnings(machine));
}

/// Prints the warnings about a plan for a machine.
fn print_plan_warnings(source: &Source, inventory: &Inventory, plan: &Plan) {
    print_as_warnings(source, source.warnings_about(inventory, plan));
}

/// The machine that `sprig inventory` recorded in a file.
fn read_inventory(path: &Path) -> Result<Inventory> {
    let bytes = input_file::read(path, INVENTORY_MOST);
    let bytes = bytes.with_context(|| format!("cannot read the inventory {}", path.display()))?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is no inventory that `sprig inventory` made", path.display()))
}

fn print_as_warnings(source: &Source, warnings: Vec<Diagnostic>) {
    if !warnings.is_empty() {
        note(&(draw(&source.error(warnings), Colours::wanted(&stderr())) + "\n"));
    }
}

/// The smallest machine that a box needs, with these devices.
fn machine(source: &Source, devices: &[EmulatedDevice]) -> Result<EmulatedMachine> {
    if devices.len() > EmulatedMachine::DEVICES_MAX {
        bail!("{} devices are too many: there is room for {}", devices.len(), EmulatedMachine::DEVICES_MAX);
    }
    let (machine, lacking) = EmulatedMachine::with_devices(source.request(), devices.to_vec());
    source.require_devices(&machine, lacking)?;
    Ok(machine)
}

/// Prints why a command failed.
pub fn report(error: &anyhow::Error) -> ExitCode {
    let colours = Colours::wanted(&stderr());
    match refusal(error) {
        Some(refusal) => {
            let count = colours.paint("1", &count(refusal.diagnostics.len()));
            note(&format!("{}\n\n{count}", draw(refusal, colours)));
        }
        None => note(&format!("{} {error:#}", colours.paint("1;31", "error:"))),
    }
    ExitCode::from(FAILED)
}

fn refusal(error: &anyhow::Error) -> Option<&BoxFileError> {
    if let Some(SourceError::Invalid(refusal)) = error.downcast_ref() {
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
