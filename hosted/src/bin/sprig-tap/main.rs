//! `sprig-tap`: a TAP interface of this network namespace on a virtual Ethernet whose window lies in a memfd.
//!
//! ```text
//!   sprig-tap create --socket S          makes the window, and hands it out at S
//!   sprig-tap join --socket S            in each namespace: a partition of it, with an interface
//!
//!   namespace a                                                     namespace b
//!   sockets ── TAP ── bridge ──── rings in the memfd, bells ──── bridge ── TAP ── sockets
//! ```
//!
//! | module | |
//! |---|---|
//! | `tap` | the interface, and frames in and out of it |
//! | `bridge` | frames between the interface and the partition |
//! | `commands` | what is typed |

mod bridge;
mod commands;
mod tap;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use commands::Command;

/// Put TAP interfaces onto a virtual Ethernet between processes of this host
#[derive(Parser)]
#[command(name = "sprig-tap", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    match Arguments::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "sprig-tap: {error:#}");
            ExitCode::FAILURE
        }
    }
}
