//! Why something cannot be measured: one line each.

use std::io;

use emulator::launch::LaunchError;
use emulator::qemu::StartError;
use emulator::shell::ShellError;

/// Why something cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The box does not run.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// A machine beside the box does not run.
    #[error(transparent)]
    Machine(#[from] StartError),
    /// Network cards would lead nowhere.
    #[error("cannot serve the other side of network cards on this host: {0}")]
    Outside(io::Error),
    /// An instance does not do as it is told.
    #[error(transparent)]
    Shell(#[from] ShellError),
    /// The boot image refused.
    #[error("the boot image stopped at {0}")]
    Stopped(String),
    /// Somebody wants the end.
    #[error("ended by a signal")]
    Interrupted,
    /// There is no such pair.
    #[error("there is no pair {from}:{to}: the box file has the partitions {known}")]
    NoPair {
        /// The sender that was named.
        from: String,
        /// The receiver that was named.
        to: String,
        /// Whom there is.
        known: String,
    },
    /// There is nobody to measure.
    #[error("nothing can be measured: {0}")]
    Nobody(String),
    /// A program answers something else.
    #[error("{end}: {what} is not as expected: {said}")]
    Answer {
        /// Of which end.
        end: String,
        /// What it was to tell.
        what: &'static str,
        /// What it told.
        said: String,
    },
    /// A program failed.
    #[error("{end}: {program}: {said}")]
    Program {
        /// At which end.
        end: String,
        /// Which.
        program: &'static str,
        /// What it said.
        said: String,
    },
}
