//! The `sprig` command: several Linux kernels side by side on one machine.

use std::env;
use std::io::{ErrorKind, Write, stdout};
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use anyhow::Error;
use clap::Parser;
use cli::arguments::Sprig;
use cli::{commands, instance};
use emulator::qemu::PrivateFolder;

fn main() -> ExitCode {
    if let Some(mut successor) = instance::successor(&env::args_os().skip(1).collect::<Vec<_>>()) {
        let failed = Error::new(successor.exec());
        return commands::report(&failed.context("cannot run the command of instances"));
    }
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
            commands::report(&Error::new(error).context("cannot write to standard output"))
        }
        (_, code) => code.map_or(ExitCode::FAILURE, ExitCode::from),
    }
}
