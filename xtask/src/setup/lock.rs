//! The lock that lets only one set-up at a time change the folder: two would disturb each other's temporary folders.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The longest wait for the lock: longer than any set-up on a slow network takes.
const PATIENCE: Duration = Duration::from_secs(45 * 60);
const POLL: Duration = Duration::from_millis(200);

/// The lock, held until it is dropped or the process ends, however it ends.
pub(crate) struct Lock {
    _file: File,
}

/// Takes the lock of `root`, waiting while another process has it.
pub(crate) fn take(root: &Path) -> Result<Lock> {
    fs::create_dir_all(root).with_context(|| format!("cannot make {}", root.display()))?;
    let path = root.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    let started = Instant::now();
    let mut notice = None;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(TryLockError::Error(error)) => return Err(error).context(format!("cannot lock {}", path.display())),
            Err(TryLockError::WouldBlock) => {}
        }
        notice.get_or_insert_with(|| eprintln!("{:<13} waiting for another set-up of this folder", "set-up"));
        if started.elapsed() > PATIENCE {
            bail!("another set-up has held {} for {} minutes", path.display(), PATIENCE.as_secs() / 60);
        }
        thread::sleep(POLL);
    }
}
