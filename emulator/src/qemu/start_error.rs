//! Why a machine does not start.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use super::emulator::Emulator;
use super::firmware::FirmwareError;
use super::qmp::QmpError;

/// How long QEMU may take from its start until it has opened all its channels.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// Why a machine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A program is missing.
    #[error("cannot start `{program}`: {error}; install the package `{package}`")]
    Program {
        /// Its name.
        program: &'static str,
        /// The Debian package that has it.
        package: &'static str,
        /// The operating system's error.
        error: io::Error,
    },
    /// QEMU or one of its libraries is missing.
    #[error("cannot start `{}`: {output}\n  help: {}", emulator.program().display(), emulator.help())]
    NoEmulator {
        /// The program that was tried.
        emulator: Emulator,
        /// What the loader printed.
        output: String,
    },
    /// A file or socket of ours.
    #[error("cannot {what} {}: {error}", path.display())]
    File {
        /// The operation that failed.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        error: io::Error,
    },
    /// QEMU's control connection failed.
    #[error(transparent)]
    Control(#[from] QmpError),
    /// The firmware.
    #[error(transparent)]
    Firmware(#[from] FirmwareError),
    /// QEMU ended at once.
    #[error("QEMU ended at once ({status}):\n{output}")]
    Ended {
        /// Its exit status.
        status: ExitStatus,
        /// What it printed.
        output: String,
    },
    /// QEMU did not connect to its control socket.
    #[error("QEMU did not connect to {} within {} s:\n{output}", socket.display(), CONNECT_LIMIT.as_secs())]
    Silent {
        /// The socket.
        socket: PathBuf,
        /// What it printed.
        output: String,
    },
}

/// Makes an error of a failed operation on a file or socket of ours.
pub(super) fn file_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StartError {
    let path = path.to_owned();
    move |error| StartError::File { what, path, error }
}
