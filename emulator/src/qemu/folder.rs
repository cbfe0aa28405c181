//! The folder in which a machine keeps its pipes, its socket and its images. It is removed when the machine ends. If this
//! process is killed before, the next one removes it.

use std::fs::{self, DirEntry, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

const PREFIX: &str = "sprig-run-";
/// Locked as long as the owner lives. The kernel releases it however the owner ends.
const LOCK: &str = "lock";
/// The lock file before its owner has locked it.
const UNNAMED: &str = "new-lock";
/// How long the owner of a new folder may take to lock it.
const LOCK_LIMIT: Duration = Duration::from_secs(600);

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
        Self::beside(&std::env::temp_dir())
    }

    /// A new one in `place`. Those there of processes that were killed are removed.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn beside(place: &Path) -> io::Result<Self> {
        remove_abandoned(place);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(place)?;
        // The lock file gets its name after it is locked, so that nobody takes the folder for an abandoned one.
        let unnamed = folder.path().join(UNNAMED);
        let lock = File::create(&unnamed)?;
        flock(&lock, FlockOperation::LockExclusive)?;
        fs::rename(unnamed, folder.path().join(LOCK))?;
        Ok(Self { folder, _lock: lock })
    }

    /// Removes the folders of processes that were killed. Folders in use stay.
    pub fn remove_abandoned() {
        remove_abandoned(&std::env::temp_dir());
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn is_older_than(entry: &DirEntry, age: Duration) -> bool {
    let changed = entry.metadata().and_then(|metadata| metadata.modified());
    changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|elapsed| elapsed > age))
}

/// Removes the folders of dead owners. A folder that cannot be removed belongs to another user.
fn remove_abandoned(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        match File::open(entry.path().join(LOCK)) {
            Ok(lock) if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() => {
                let _ = fs::remove_dir_all(entry.path());
            }
            Ok(_) => {}
            // Its owner is about to lock it, or died before it could. A folder that holds anything else is not ours.
            Err(_) if is_older_than(&entry, LOCK_LIMIT) => {
                let _ = fs::remove_file(entry.path().join(UNNAMED));
                let _ = fs::remove_dir(entry.path());
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn only_folders_of_dead_owners_are_cleared_away() {
        let place = tempfile::tempdir().unwrap();
        let [alive, dead, other] = ["sprig-run-a", "sprig-run-b", "other"].map(|name| place.path().join(name));
        for folder in [&alive, &dead, &other] {
            fs::create_dir(folder).unwrap();
            File::create(folder.join(LOCK)).unwrap();
        }
        let [new, never_locked] = ["sprig-run-c", "sprig-run-d"].map(|name| place.path().join(name));
        for folder in [&new, &never_locked] {
            fs::create_dir(folder).unwrap();
        }
        let long_ago = SystemTime::now() - 2 * LOCK_LIMIT;
        File::open(&never_locked).unwrap().set_modified(long_ago).unwrap();
        let held = File::open(alive.join(LOCK)).unwrap();
        flock(&held, FlockOperation::LockExclusive).unwrap();
        remove_abandoned(place.path());
        assert!(alive.exists() && other.exists() && !dead.exists());
        assert!(new.exists() && !never_locked.exists());
    }
}
