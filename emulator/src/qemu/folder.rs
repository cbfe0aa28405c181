//! The folder in which a machine keeps its pipes, its socket and its images. It is removed when the machine ends. If this
//! process is killed before, the next one removes it.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

const PREFIX: &str = "sprig-run-";
/// Locked as long as the owner lives. The kernel releases it however the owner ends.
const LOCK: &str = "lock";

/// A folder of our own, removed when dropped.
pub struct PrivateFolder {
    folder: TempDir,
    _lock: File,
}

impl PrivateFolder {
    /// Makes a folder in the system's folder for temporary files, and removes those of processes that were killed.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new() -> io::Result<Self> {
        remove_abandoned(&std::env::temp_dir());
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
        // The lock file gets its name after it is locked, so that nobody takes the folder for an abandoned one.
        let unnamed = folder.path().join("new-lock");
        let lock = File::create(&unnamed)?;
        flock(&lock, FlockOperation::LockExclusive)?;
        fs::rename(unnamed, folder.path().join(LOCK))?;
        Ok(Self { folder, _lock: lock })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders of dead owners. A folder that cannot be removed belongs to another user.
fn remove_abandoned(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let Ok(lock) = File::open(entry.path().join(LOCK)) else { continue };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_dead_owners_are_cleared_away() {
        let place = tempfile::tempdir().unwrap();
        let [alive, dead, other] = ["sprig-run-a", "sprig-run-b", "other"].map(|name| place.path().join(name));
        for folder in [&alive, &dead, &other] {
            fs::create_dir(folder).unwrap();
            File::create(folder.join(LOCK)).unwrap();
        }
        let held = File::open(alive.join(LOCK)).unwrap();
        flock(&held, FlockOperation::LockExclusive).unwrap();
        remove_abandoned(place.path());
        assert!(alive.exists() && other.exists() && !dead.exists());
    }
}
