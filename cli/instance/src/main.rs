//! The command `sprig` inside an instance: what one partition can see of the others, and ask of them.
//!
//! Its file is `sprig-instance` where it is built, because the host's command is `sprig` too; instances have it as
//! `/usr/bin/sprig`.
//!
//! | module | |
//! |---|---|
//! | [`status`] | `sprig status`: how all partitions are |
//! | [`order`] | `sprig start`, `stop` and `restart`: orders for other partitions |
//! | [`log`] | `sprig log`: the kernel log of another instance, out of its memory |
//! | [`console`] | `sprig console`: the console of another instance |
//! | [`dump`] | `sprig dump`: the whole memory of another instance, as a core file |
//! | [`kernel`] | the memory of another instance, and what its kernel says of itself there |
//! | [`partitions`] | names and memory of all partitions, as the driver shows them |
//! | [`driver`] | the driver's device, and the control page that it shows |
//!
//! What the page says, and how a partition is by it, is in the package [`lifecycle`].

mod console;
mod driver;
mod dump;
mod kernel;
mod log;
mod order;
mod partitions;
mod status;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use lifecycle::{condition, output, snapshot};

use console::Console;
use dump::Dump;
use log::Log;
use order::{Restart, Start, Stop};
use status::Status;

/// Looks after the other partitions of this machine, from inside an instance
///
/// All of it needs root, and the driver of the virtual Ethernet (`modprobe sprig_vni`).
#[derive(Parser)]
#[command(
    name = "sprig",
    bin_name = "sprig",
    version,
    after_help = "Exit codes: 0 done, 1 refused or failed, 2 wrong usage."
)]
struct Sprig {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Status(Status),
    Start(Start),
    Stop(Stop),
    Restart(Restart),
    Log(Log),
    Console(Console),
    Dump(Dump),
}

impl Command {
    fn run(&self) -> Result<(), Box<dyn Error>> {
        match self {
            Command::Status(status) => status.run()?,
            Command::Start(start) => start.run()?,
            Command::Stop(stop) => stop.run()?,
            Command::Restart(restart) => restart.run()?,
            Command::Log(log) => log.run()?,
            Command::Console(console) => console.run()?,
            Command::Dump(dump) => dump.run()?,
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    match Sprig::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints an error or a warning. A reader that has gone is no reason to fail.
fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_declared_without_contradictions() {
        Sprig::command().debug_assert();
    }
}
