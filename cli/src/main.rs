//! The `sprig` command: several Linux kernels side by side on one machine.

use std::io::{ErrorKind, Write, stdout};
use std::process::ExitCode;

use clap::Parser;
use cli::arguments::Sprig;
use cli::commands;
use emulator::qemu::PrivateFolder;

fn main() -> ExitCode {
    match Sprig::try_parse() {
        Ok(sprig) => {
            PrivateFolder::remove_abandoned();
            sprig.run().unwrap_or_else(|error| commands::report(&error))
        }
        Err(message) => print_help_or_usage(&message),
    }
}

/// Prints help, the version, or what is wrong with the usage. Help that nobody gets is a failure.
fn print_help_or_usage(message: &clap::Error) -> ExitCode {
    let written = message.print().and_then(|()| stdout().flush());
    match (written, u8::try_from(message.exit_code())) {
        (Err(error), _) if error.kind() != ErrorKind::BrokenPipe => {
            commands::report(&anyhow::Error::new(error).context("cannot write to standard output"))
        }
        (_, code) => code.map_or(ExitCode::FAILURE, ExitCode::from),
    }
}
