//! The folder with a socket for each box that runs: `NAME.sock`. Only its user may enter it.
//!
//! A run that was killed leaves its socket there, on which nobody listens. Whoever looks next removes it. One process at a
//! time claims a name or looks, so that no socket is removed on which somebody is about to listen.

use std::env;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::process::geteuid;

const SUFFIX: &str = ".sock";
const LOCK: &str = "lock";
/// Nobody but the user may do anything.
const PRIVATE: u32 = 0o700;

/// Why boxes that run are not found, or this one is not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NamesError {
    /// The folder of sockets, or a socket.
    #[error("cannot use {}: {error}", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// The operating system's error.
        error: io::Error,
    },
    /// Others may write to the folder.
    #[error("{} is not a folder of this user alone: remove it, or set XDG_RUNTIME_DIR", .0.display())]
    NotPrivate(PathBuf),
}

/// The folder of sockets.
#[derive(Clone, Debug)]
pub(crate) struct Names(PathBuf);

/// The socket of a box, which goes away with this value.
#[derive(Debug)]
pub(crate) struct Claim {
    /// The name by which the box is reached.
    pub(crate) name: String,
    /// Where it listens.
    pub(crate) listener: UnixListener,
    path: PathBuf,
}

impl Names {
    /// The user's folder, made if it is not there.
    pub(crate) fn of_user() -> Result<Self, NamesError> {
        let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute());
        // By the fixed path: whoever looks may have another folder for temporary files.
        let fallback = || Path::new("/tmp").join(format!("sprig-{}", geteuid().as_raw()));
        Self::open(runtime.map_or_else(fallback, |folder| folder.join("sprig")))
    }

    fn open(folder: PathBuf) -> Result<Self, NamesError> {
        let error = |error| NamesError::File { path: folder.clone(), error };
        match DirBuilder::new().mode(PRIVATE).create(&folder) {
            Err(refusal) if refusal.kind() != io::ErrorKind::AlreadyExists => return Err(error(refusal)),
            _ => {}
        }
        // A link that somebody else has laid is not followed.
        let found = fs::symlink_metadata(&folder).map_err(error)?;
        let is_private = found.is_dir() && found.uid() == geteuid().as_raw() && found.mode() & 0o077 == 0;
        if is_private { Ok(Self(folder)) } else { Err(NamesError::NotPrivate(folder)) }
    }

    /// Claims a name for this process: that of the box, or if another run has it, that and this process's number.
    pub(crate) fn claim(&self, box_name: &str) -> Result<Claim, NamesError> {
        let _lock = self.lock()?;
        let taken = self.sweep()?;
        let name = match taken.iter().any(|name| name == box_name) {
            true => format!("{box_name}-{}", std::process::id()),
            false => box_name.to_owned(),
        };
        let path = self.path(&name);
        let listener = UnixListener::bind(&path).map_err(|error| NamesError::File { path: path.clone(), error })?;
        Ok(Claim { name, listener, path })
    }

    /// The names of all boxes that run, in alphabetical order.
    pub(crate) fn all(&self) -> Result<Vec<String>, NamesError> {
        let _lock = self.lock()?;
        self.sweep()
    }

    /// The socket of that name.
    pub(crate) fn connect(&self, name: &str) -> io::Result<UnixStream> {
        UnixStream::connect(self.path(name))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}{SUFFIX}"))
    }

    fn lock(&self) -> Result<File, NamesError> {
        let path = self.0.join(LOCK);
        let locked = File::create(&path).and_then(|file| {
            flock(&file, FlockOperation::LockExclusive)?;
            Ok(file)
        });
        locked.map_err(|error| NamesError::File { path, error })
    }

    /// Removes the sockets on which nobody listens, and names the others.
    fn sweep(&self) -> Result<Vec<String>, NamesError> {
        let entries = fs::read_dir(&self.0).map_err(|error| NamesError::File { path: self.0.clone(), error })?;
        let mut alive = Vec::new();
        for entry in entries.flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            let Some(name) = file.strip_suffix(SUFFIX) else { continue };
            match UnixStream::connect(entry.path()) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    // If it stays, it is no box that runs all the same.
                    let _ = fs::remove_file(entry.path());
                }
                // Its run has ended meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                _ => alive.push(name.to_owned()),
            }
        }
        alive.sort();
        Ok(alive)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // If it stays, the next one who looks removes it.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn names() -> (tempfile::TempDir, Names) {
        let parent = tempfile::tempdir().unwrap();
        let names = Names::open(parent.path().join("sprig")).unwrap();
        (parent, names)
    }

    #[test]
    fn the_first_run_has_the_name_of_its_box_and_the_second_its_own() {
        let (_parent, names) = names();
        let first = names.claim("pair").unwrap();
        let second = names.claim("pair").unwrap();
        assert_eq!((first.name.as_str(), second.name.clone()), ("pair", format!("pair-{}", std::process::id())));
        assert!(names.connect("pair").is_ok());
        drop(first);
        assert_eq!(names.claim("pair").unwrap().name, "pair", "the name is free again");
    }

    #[test]
    fn what_a_killed_run_has_left_disturbs_nobody_and_is_removed() {
        let (_parent, names) = names();
        let alive = names.claim("other").unwrap();
        // Nobody listens on it any more, and it has not been removed.
        drop(UnixListener::bind(names.path("pair")).unwrap());
        assert_eq!(names.all().unwrap(), ["other"]);
        assert!(!names.path("pair").exists());
        drop(UnixListener::bind(names.path("pair")).unwrap());
        assert_eq!(names.claim("pair").unwrap().name, "pair");
        drop(alive);
        assert!(names.all().unwrap().is_empty());
    }

    #[test]
    fn a_folder_that_others_may_enter_is_refused() {
        let (parent, names) = names();
        assert_eq!(fs::metadata(&names.0).unwrap().mode() & 0o777, PRIVATE);
        let open = parent.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        let link = parent.path().join("link");
        symlink(&names.0, &link).unwrap();
        for folder in [open, link] {
            assert!(matches!(Names::open(folder), Err(NamesError::NotPrivate(_))));
        }
    }
}
