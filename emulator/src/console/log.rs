//! The log file of a console.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// The file to which a console's output is written.
pub struct ConsoleLog {
    path: PathBuf,
    file: File,
}

/// A log file that ends before the console does.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("cannot write the log {}: {reason}; it ends here", path.display())]
pub struct LogError {
    /// The file.
    pub path: PathBuf,
    /// The operating system's error.
    pub reason: String,
}

impl ConsoleLog {
    /// Creates the file, or empties it.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        // A pipe that nobody reads must not block.
        let no_wait = OFlags::NONBLOCK.bits().cast_signed();
        let file = File::options().write(true).create(true).truncate(true).custom_flags(no_wait).open(path)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Appends a piece of output.
    pub(super) fn write(&mut self, piece: &[u8]) -> Result<(), LogError> {
        let error = |error: io::Error| LogError { path: self.path.clone(), reason: error.to_string() };
        self.file.write_all(piece).map_err(error)
    }
}
