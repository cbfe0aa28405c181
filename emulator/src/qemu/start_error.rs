//! Why a machine does not start.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use super::emulator::Emulator;
use super::firmware::FirmwareError;

/// How long QEMU may take from its start until it has opened all that goes between it and us.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// Why there is no machine.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A program is missing.
    #[error("cannot start `{program}`: {error}; install the package `{package}`")]
    Program {
        /// Which.
        program: &'static str,
        /// What holds it on Debian.
        package: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// QEMU is missing, or what it is made of.
    #[error("cannot start `{}`: {said}\n  help: {}", emulator.program().display(), emulator.help())]
    NoEmulator {
        /// Which.
        emulator: Emulator,
        /// What the system says.
        said: String,
    },
    /// A file or socket of ours.
    #[error("cannot {what} {}: {error}", path.display())]
    File {
        /// What was to be done.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The firmware.
    #[error(transparent)]
    Firmware(#[from] FirmwareError),
    /// It ended at once.
    #[error("QEMU ended at once ({status}):\n{said}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// What it said.
        said: String,
    },
    /// It does not connect.
    #[error("QEMU did not connect to {} within {} s:\n{said}", socket.display(), CONNECT_LIMIT.as_secs())]
    Silent {
        /// To which.
        socket: PathBuf,
        /// What it said.
        said: String,
    },
}

/// Makes an error of a failed operation on a file or socket of ours.
pub(super) fn file_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StartError {
    let path = path.to_owned();
    move |error| StartError::File { what, path, error }
}
