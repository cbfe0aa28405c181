//! The machine's memory: QEMU's own, or an object that this process shares with it.

use std::fs::File;
use std::os::fd::AsRawFd;

use rustix::fs::{MemfdFlags, memfd_create};

use super::start_error::{StartError, file_error};

/// Who sees the machine's memory.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Sharing {
    /// QEMU alone.
    #[default]
    Private,
    /// This process too: [`Machine::memory`](super::Machine::memory).
    Shared,
}

/// Of the object that is the machine's memory.
const ID: &str = "shared";

impl Sharing {
    /// Memory of so many bytes, without a name in any file system; `None` if QEMU is to have its own.
    pub(super) fn make(self, len: u64) -> Result<Option<File>, StartError> {
        if self == Self::Private {
            return Ok(None);
        }
        let error = |error| file_error("make an object of", "shared memory".as_ref())(error);
        let file = memfd_create("sprig-memory", MemfdFlags::CLOEXEC).map_err(|errno| error(errno.into()))?;
        let file = File::from(file);
        file.set_len(len).map_err(error)?;
        Ok(Some(file))
    }
}

/// What QEMU is told of it. QEMU opens the object by this process's name for it, which is there until the machine runs.
pub(super) fn arguments(memory: &File, len: u64) -> [String; 4] {
    let path = format!("/proc/{}/fd/{}", std::process::id(), memory.as_raw_fd());
    let object = format!("memory-backend-file,id={ID},size={len},mem-path={path},share=on");
    ["-object".to_owned(), object, "-machine".to_owned(), format!("memory-backend={ID}")]
}
