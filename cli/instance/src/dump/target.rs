//! Where a dump goes: into a new file, or to standard output.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempPath};

use super::sparse::Sparse;

/// The path that stands for standard output.
const STANDARD: &str = "-";

/// What happens to a file that is there already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Existing {
    /// It stays, and there is no dump.
    Keep,
    /// The dump takes its place.
    Replace,
}

/// Where a dump goes.
#[derive(Debug)]
pub(super) enum Target {
    /// To standard output.
    Standard(File),
    /// Into a file.
    New(NewFile),
}

/// A file that has another name until all of it is written, and that only its owner may read: a dump has all that the
/// instance knew. Without [`NewFile::keep`] it is removed.
#[derive(Debug)]
pub(super) struct NewFile {
    file: Sparse,
    /// The other name. The file is removed with this value.
    temporary: TempPath,
    path: PathBuf,
    existing: Existing,
}

/// Why a dump is not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    /// Somebody would have to read it.
    #[error("standard output is a terminal, and a dump is no text: pipe it, or name a file with --output")]
    Terminal,
    /// There is such a file.
    #[error("there is a file {} already: --force replaces it", .0.display())]
    Exists(PathBuf),
    /// There is something else of that name.
    #[error("{} is no file, and nothing replaces it", .0.display())]
    NotFile(PathBuf),
    /// It cannot be created.
    #[error("cannot create {}: {error}", path.display())]
    Create {
        /// Its path.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write {}: {error}; nothing was kept", path.display())]
    Write {
        /// Its path.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Standard output cannot be written to.
    #[error("cannot write to standard output: {0}")]
    Standard(io::Error),
}

impl Target {
    /// Prepares what is at that path.
    pub(super) fn open(path: &Path, existing: Existing) -> Result<Self, TargetError> {
        if path == Path::new(STANDARD) {
            return Self::standard();
        }
        match fs::symlink_metadata(path) {
            Ok(found) if !found.is_file() => Err(TargetError::NotFile(path.to_owned())),
            Ok(_) if existing == Existing::Keep => Err(TargetError::Exists(path.to_owned())),
            _ => NewFile::create(path, existing).map(Self::New),
        }
    }

    fn standard() -> Result<Self, TargetError> {
        let output = io::stdout();
        if output.is_terminal() {
            return Err(TargetError::Terminal);
        }
        // Without the buffer of standard output, which looks for the ends of lines.
        let file = output.as_fd().try_clone_to_owned().map_err(TargetError::Standard)?;
        Ok(Self::Standard(file.into()))
    }

    /// Writes the next bytes of the dump.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), TargetError> {
        match self {
            Self::Standard(file) => file.write_all(bytes).map_err(TargetError::Standard),
            Self::New(new) => new.file.write_all(bytes).map_err(|error| new.failed(error)),
        }
    }

    /// Ends the dump, of which all was written.
    pub(super) fn finish(self) -> Result<(), TargetError> {
        match self {
            Self::Standard(_) => Ok(()),
            Self::New(new) => new.keep(),
        }
    }
}

impl NewFile {
    fn create(path: &Path, existing: Existing) -> Result<Self, TargetError> {
        let failed = |error| TargetError::Create { path: path.to_owned(), error };
        let name = path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let begin = [name, ".".as_ref()].into_iter().collect::<OsString>();
        let file = Builder::new().prefix(&begin).suffix(".part").tempfile_in(folder);
        // Its error names the temporary file.
        let (file, temporary) = file.map_err(|error| failed(error.kind().into()))?.into_parts();
        Ok(Self { file: Sparse::new(file), temporary, path: path.to_owned(), existing })
    }

    /// Gives it its name.
    fn keep(self) -> Result<(), TargetError> {
        self.file.finish().map_err(|error| self.failed(error))?;
        let Self { temporary, path, existing, .. } = self;
        let kept = match existing {
            Existing::Keep => temporary.persist_noclobber(&path),
            Existing::Replace => temporary.persist(&path),
        };
        kept.map_err(|failed| match failed.error.kind() {
            io::ErrorKind::AlreadyExists => TargetError::Exists(path),
            _ => TargetError::Create { path, error: failed.error },
        })
    }

    fn failed(&self, error: io::Error) -> TargetError {
        TargetError::Write { path: self.path.clone(), error }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    fn names(folder: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn folder_with(text: &str) -> (TempDir, PathBuf) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("vmcore");
        fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn a_dump_has_its_name_only_when_it_is_whole() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("vmcore");
        let mut target = Target::open(&path, Existing::Keep).unwrap();
        target.write(b"all").unwrap();
        let [name] = &names(&folder)[..] else { panic!("one file: {:?}", names(&folder)) };
        assert!(name.starts_with("vmcore.") && name.ends_with(".part"), "{name}");
        target.finish().unwrap();
        assert_eq!((names(&folder), fs::read(&path).unwrap()), (vec!["vmcore".to_owned()], b"all".to_vec()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "nobody else may read it");
    }

    #[test]
    fn a_dump_that_was_cut_is_removed() {
        let folder = TempDir::new().unwrap();
        let mut target = Target::open(&folder.path().join("vmcore"), Existing::Keep).unwrap();
        target.write(b"half").unwrap();
        drop(target);
        assert_eq!(names(&folder), [""; 0]);
    }

    #[test]
    fn a_file_is_replaced_only_by_force() {
        let (folder, path) = folder_with("old");
        let refusal = Target::open(&path, Existing::Keep).unwrap_err().to_string();
        assert_eq!(refusal, format!("there is a file {} already: --force replaces it", path.display()));
        let mut target = Target::open(&path, Existing::Replace).unwrap();
        target.write(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old", "it is replaced at the end");
        target.finish().unwrap();
        assert_eq!((names(&folder).len(), fs::read(&path).unwrap()), (1, b"new".to_vec()));
    }

    #[test]
    fn a_file_that_somebody_makes_meanwhile_stays() {
        let (folder, path) = folder_with("");
        fs::remove_file(&path).unwrap();
        let target = Target::open(&path, Existing::Keep).unwrap();
        fs::write(&path, "theirs").unwrap();
        assert!(matches!(target.finish(), Err(TargetError::Exists(_))));
        assert_eq!((names(&folder).len(), fs::read(&path).unwrap()), (1, b"theirs".to_vec()));
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let folder = TempDir::new().unwrap();
        for path in [Path::new("/dev/null"), folder.path()] {
            let refusal = Target::open(path, Existing::Replace).unwrap_err().to_string();
            assert_eq!(refusal, format!("{} is no file, and nothing replaces it", path.display()));
        }
        let missing = folder.path().join("none").join("vmcore");
        let refusal = Target::open(&missing, Existing::Keep).unwrap_err().to_string();
        assert_eq!(refusal, format!("cannot create {}: entity not found", missing.display()));
    }

    #[test]
    fn a_full_disk_is_told_in_one_line() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let temporary = TempPath::try_from_path("/nonexistent/vmcore.part").unwrap();
        let new = NewFile { file: Sparse::new(full), temporary, path: "/tmp/vmcore".into(), existing: Existing::Keep };
        let refusal = Target::New(new).write(b"x").unwrap_err().to_string();
        assert_eq!(refusal, "cannot write /tmp/vmcore: No space left on device (os error 28); nothing was kept");
    }
}
