//! Files that a user names: opened by kind and size first, so that no pipe blocks, no device is read without end, and no
//! large file is held in memory.

use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// The path that stands for standard input, and for standard output.
pub const STANDARD_STREAM: &str = "-";
/// The kind of file that may stand where a disk's file may.
pub(crate) const BLOCK_DEVICE: &str = "a block device";

/// A regular file that can be read, as it was when it was opened first. It is not kept open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputFile {
    path: PathBuf,
    len: u64,
    identity: Identity,
}

/// What changes when a file is replaced or written: device, inode, and the time of the last change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Identity {
    device: u64,
    inode: u64,
    modified: (i64, i64),
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// There is none.
    #[error("there is no such file")]
    Missing,
    /// It is no regular file.
    #[error("it is {kind}, not a file")]
    NotAFile {
        /// What it is: "a directory".
        kind: &'static str,
    },
    /// It is longer than such a file can be.
    #[error("it has {len} bytes, and {most} are the most")]
    TooLong {
        /// Its length.
        len: u64,
        /// The limit.
        most: u64,
    },
    /// The operating system refuses it.
    #[error("{0}")]
    Unreadable(io::Error),
}

impl InputFile {
    /// Opens a file once, and looks at its kind and length.
    ///
    /// # Errors
    /// If it is missing, no regular file, or cannot be read.
    pub fn open(path: &Path) -> Result<Self, InputError> {
        let (_, metadata) = open(path)?;
        Ok(Self { path: path.to_owned(), len: metadata.len(), identity: Identity::of(&metadata) })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its first and its last bytes: `most` of each, or all.
    ///
    /// # Errors
    /// If it cannot be read, or has changed.
    pub fn ends(&self, most: usize) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let mut file = self.reopen()?;
        let mut head = Vec::new();
        (&mut file).take(most as u64).read_to_end(&mut head)?;
        file.seek(SeekFrom::Start(self.len.saturating_sub(most as u64)))?;
        let mut tail = Vec::new();
        file.take(most as u64).read_to_end(&mut tail)?;
        Ok((head, tail))
    }

    /// Copies all of it.
    ///
    /// # Errors
    /// If it cannot be read, has changed, or `to` cannot be written.
    pub fn copy_to(&self, to: &mut impl Write) -> io::Result<()> {
        let copied = io::copy(&mut self.reopen()?.take(self.len), to)?;
        if copied == self.len { Ok(()) } else { Err(self.changed()) }
    }

    fn reopen(&self) -> io::Result<File> {
        let (file, metadata) = open(&self.path).map_err(io::Error::other)?;
        let same = metadata.len() == self.len && Identity::of(&metadata) == self.identity;
        if same { Ok(file) } else { Err(self.changed()) }
    }

    fn changed(&self) -> io::Error {
        io::Error::other(format!("{} has changed since it was checked: run the command again", self.path.display()))
    }
}

/// Reads a whole file that has at most `most` bytes.
///
/// # Errors
/// If it is missing, no regular file, too long, or cannot be read.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, InputError> {
    let (file, metadata) = open(path)?;
    if metadata.len() > most {
        return Err(InputError::TooLong { len: metadata.len(), most });
    }
    read_stream(file, most)
}

/// Reads a whole stream that has at most `most` bytes.
///
/// # Errors
/// If it has more, or cannot be read.
pub fn read_stream(stream: impl Read, most: u64) -> Result<Vec<u8>, InputError> {
    let mut bytes = Vec::new();
    stream.take(most + 1).read_to_end(&mut bytes).map_err(InputError::Unreadable)?;
    let len = bytes.len() as u64;
    if len > most { Err(InputError::TooLong { len, most }) } else { Ok(bytes) }
}

/// Opens a regular file. Other kinds are refused before they are opened: opening a pipe may block.
fn open(path: &Path) -> Result<(File, Metadata), InputError> {
    let error = |error: io::Error| match error.kind() {
        // The latter of `file/` and `file/more`.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => InputError::Missing,
        _ => InputError::Unreadable(error),
    };
    require_file(fs::metadata(path).map_err(error)?.file_type())?;
    // Another file may have taken its place meanwhile.
    let no_wait = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(no_wait).open(path).map_err(error)?;
    let metadata = file.metadata().map_err(error)?;
    require_file(metadata.file_type())?;
    Ok((file, metadata))
}

fn require_file(kind: FileType) -> Result<(), InputError> {
    match kind {
        kind if kind.is_file() => Ok(()),
        kind if kind.is_dir() => Err(InputError::NotAFile { kind: "a directory" }),
        kind if kind.is_fifo() => Err(InputError::NotAFile { kind: "a pipe" }),
        kind if kind.is_socket() => Err(InputError::NotAFile { kind: "a socket" }),
        kind if kind.is_char_device() => Err(InputError::NotAFile { kind: "a character device" }),
        kind if kind.is_block_device() => Err(InputError::NotAFile { kind: BLOCK_DEVICE }),
        _ => Err(InputError::NotAFile { kind: "something else" }),
    }
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Self { device: metadata.dev(), inode: metadata.ino(), modified }
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    #[test]
    fn only_regular_files_are_opened_and_nothing_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        let refused = |path: &Path| InputFile::open(path).unwrap_err().to_string();
        assert_eq!(refused(&pipe), "it is a pipe, not a file");
        assert_eq!(refused(folder.path()), "it is a directory, not a file");
        assert_eq!(refused(Path::new("/dev/zero")), "it is a character device, not a file");
        assert_eq!(refused(&folder.path().join("none")), "there is no such file");
    }

    #[test]
    fn a_long_file_is_looked_at_by_its_ends_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"head").unwrap();
        file.set_len(900 << 30).unwrap();
        let input = InputFile::open(&path).unwrap();
        let (head, tail) = input.ends(8).unwrap();
        assert_eq!(
            (head.as_slice(), tail.as_slice(), input.len()),
            (b"head\0\0\0\0".as_slice(), &[0; 8][..], 900 << 30)
        );
        assert!(matches!(read(&path, 1 << 20), Err(InputError::TooLong { .. })));
    }

    #[test]
    fn a_file_that_changes_after_it_was_checked_is_not_copied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "one").unwrap();
        let input = InputFile::open(&path).unwrap();
        let mut copy = Vec::new();
        input.copy_to(&mut copy).unwrap();
        assert_eq!(copy, b"one");
        fs::remove_file(&path).unwrap();
        fs::write(&path, "two!").unwrap();
        assert!(input.copy_to(&mut copy).unwrap_err().to_string().contains("has changed since it was checked"));
    }

    #[test]
    fn a_stream_without_end_is_cut() {
        assert!(matches!(read_stream(io::repeat(1), 1000), Err(InputError::TooLong { len: 1001, most: 1000 })));
        assert_eq!(read_stream(b"box".as_slice(), 3).unwrap(), b"box");
    }
}
