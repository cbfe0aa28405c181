//! Files that a command writes: never over what it reads, never over a device, and whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Where a result goes. Having one means that it is none of the inputs, and no folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutputFile {
    /// As the user named it.
    path: PathBuf,
    /// The file itself, links followed.
    target: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// A regular file, or none yet.
    File,
    /// A device or a pipe, into which text may be written.
    Stream,
}

/// Why a result cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// It would overwrite an input.
    #[error("cannot write {}: the command reads this very file\n  help: write to another file", path.display())]
    IsInput {
        /// The output.
        path: PathBuf,
    },
    /// The output is a folder, or another thing where a file must be.
    #[error("cannot write {}: it is {kind}, not a file", path.display())]
    NotAFile {
        /// The output.
        path: PathBuf,
        /// What it is: "a directory".
        kind: &'static str,
    },
    /// The operating system refuses it.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The output.
        path: PathBuf,
        /// The operating system's error.
        error: io::Error,
    },
}

/// Fails as making a file in this folder would.
///
/// # Errors
/// As the operating system refuses it.
pub(crate) fn require_writable(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder).map(drop)
}

impl OutputFile {
    /// An output that is none of `inputs`.
    ///
    /// # Errors
    /// If it is one of them, or a folder.
    pub fn new(path: &Path, inputs: impl IntoIterator<Item = PathBuf>) -> Result<Self, OutputError> {
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let is_input = |input: PathBuf| fs::canonicalize(input).is_ok_and(|input| input == target);
        if inputs.into_iter().any(is_input) {
            return Err(OutputError::IsInput { path: path.to_owned() });
        }
        let kind = match fs::metadata(&target).map(|metadata| metadata.file_type()) {
            Ok(kind) if kind.is_dir() => {
                return Err(OutputError::NotAFile { path: path.to_owned(), kind: "a directory" });
            }
            Ok(kind) if kind.is_char_device() || kind.is_block_device() || kind.is_fifo() => Kind::Stream,
            _ => Kind::File,
        };
        Ok(Self { path: path.to_owned(), target, kind })
    }

    /// The same where only a regular file will do.
    ///
    /// # Errors
    /// If it is a device or a pipe.
    pub fn require_file(self) -> Result<Self, OutputError> {
        match self.kind {
            Kind::File => Ok(self),
            Kind::Stream => Err(OutputError::NotAFile { path: self.path, kind: "a device or a pipe" }),
        }
    }

    /// The path as the user named it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file itself, links followed.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// The folder in which the file lies.
    pub fn folder(&self) -> &Path {
        self.target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// Writes all of it. A file that is there stays as it is if that fails.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, bytes: &[u8]) -> Result<(), OutputError> {
        let written = match self.kind {
            Kind::Stream => File::options().write(true).open(&self.target).and_then(|mut file| file.write_all(bytes)),
            Kind::File => self.replace(bytes),
        };
        written.map_err(|error| OutputError::Write { path: self.path.clone(), error })
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        written_in(self.folder(), bytes)?.persist(&self.target)?;
        Ok(())
    }
}

/// Writes a file that is not there yet, all of it or nothing.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if there is anything of that name; otherwise as the operating system refuses it.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    written_in(folder, bytes)?.persist_noclobber(path)?;
    Ok(())
}

/// These bytes in a file without a lasting name.
fn written_in(folder: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    // The process's mask takes away what others may not do.
    let file = builder.permissions(Permissions::from_mode(0o666)).tempfile_in(folder);
    let written = file.and_then(|mut file| file.write_all(bytes).map(|()| file));
    written.map_err(without_path)
}

/// The error without the path that `tempfile` puts behind it, of a file that the user does not know.
fn without_path(error: io::Error) -> io::Error {
    let text = error.to_string();
    let cause = text.split_once(" at path ").map(|(cause, _)| cause.to_owned());
    match cause {
        Some(cause) => io::Error::new(error.kind(), cause),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_input_is_overwritten_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let (input, link) = (folder.path().join("in"), folder.path().join("link"));
        fs::write(&input, "in").unwrap();
        symlink(&input, &link).unwrap();
        for output in [input.clone(), link, folder.path().join("./in")] {
            assert!(
                matches!(OutputFile::new(&output, [input.clone()]), Err(OutputError::IsInput { .. })),
                "{output:?}"
            );
        }
        assert!(matches!(OutputFile::new(folder.path(), []), Err(OutputError::NotAFile { .. })));
    }

    #[test]
    fn a_new_file_takes_the_place_of_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        write_new(&file, b"first").unwrap();
        symlink("nowhere", &link).unwrap();
        for taken in [&file, &link] {
            assert_eq!(write_new(taken, b"second").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "first");
        // A folder in which nobody can make a file.
        let refused = write_new(Path::new("/proc/file"), b"text").unwrap_err().to_string();
        assert!(refused.ends_with(')') && !refused.contains("/proc"), "{refused}");
        assert!(link.is_symlink() && fs::read_dir(folder.path()).unwrap().count() == 2);
    }

    #[test]
    fn a_link_is_written_through_and_a_device_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        symlink(&file, &link).unwrap();
        OutputFile::new(&link, []).unwrap().write(b"new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(link.is_symlink());
        let null = OutputFile::new(Path::new("/dev/null"), []).unwrap();
        null.write(b"gone").unwrap();
        assert!(null.require_file().is_err());
        let full = OutputFile::new(Path::new("/dev/full"), []).unwrap();
        assert!(full.write(b"more").unwrap_err().to_string().starts_with("cannot write /dev/full: No space left"));
    }
}
