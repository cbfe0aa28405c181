//! Which server has a path: the one that holds the lock on the file `PATH.lock` beside its socket.
//!
//! The file is its user's alone, so that nobody else can hold its lock: that of the folder everybody can hold who may
//! read it. Nobody waits for a lock. The kernel lets go of one when its holder has ended, however it ended.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How often the file may vanish under us, as it does when its holder ends at that moment.
const TRIES: u32 = 16;

/// A path that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct PathLock {
    /// Its lock is held as long as it is open.
    _file: File,
    path: PathBuf,
}

impl PathLock {
    /// The lock of the socket at `socket`; `None` if another server has it.
    pub(crate) fn try_new(socket: &Path) -> io::Result<Option<Self>> {
        let mut path = socket.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        for _ in 0..TRIES {
            let file = open(&path)?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Ok(None),
                locked => locked?,
            }
            // A holder that ends removes the file before its lock: a lock on that one says nothing.
            if is_at(&file, &path)? {
                return Ok(Some(Self { _file: file, path }));
            }
        }
        Err(io::Error::other(format!("{} vanishes again and again", path.display())))
    }
}

impl Drop for PathLock {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = fs::remove_file(&self.path);
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let named = |why: io::Error| io::Error::new(why.kind(), format!("{}: {why}", path.display()));
    let file = options.open(path).map_err(named)?;
    let status = file.metadata().map_err(named)?;
    if !status.is_file() || status.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other(format!("{} is another user's, who could keep us from it", path.display())));
    }
    Ok(file)
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(why) => Err(why),
    }
}
