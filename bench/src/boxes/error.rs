//! Why something cannot be measured: one line each.

use std::io;

use emulator::launch::LaunchError;
use emulator::qemu::StartError;
use emulator::shell::ShellError;

/// Why something cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The box does not run.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// A machine beside the box does not run.
    #[error(transparent)]
    Machine(#[from] StartError),
    /// Network cards would lead nowhere.
    #[error("cannot serve the other side of network cards on this host: {0}")]
    Servers(io::Error),
    /// A command failed in an instance.
    #[error(transparent)]
    Shell(#[from] ShellError),
    /// The boot image refused.
    #[error("the boot image stopped at {0}")]
    Stopped(String),
    /// A signal came before anything was measured.
    #[error("ended by a signal")]
    Interrupted,
    /// There is no such pair.
    #[error("there is no pair {}:{}: the box file has the partitions {known}", pair.0, pair.1)]
    NoPair {
        /// The names of the sender and of the receiver.
        pair: (String, String),
        /// All names.
        known: String,
    },
    /// There is nothing to measure.
    #[error("nothing can be measured: {0}")]
    Nothing(String),
    /// The output of a program is no report.
    #[error("{place}: {program}: {output}")]
    Program {
        /// Where it ran.
        place: String,
        /// Its name.
        program: &'static str,
        /// What it printed.
        output: String,
    },
}

/// What the functions of this module return.
pub(super) type Result<T> = std::result::Result<T, BenchError>;
