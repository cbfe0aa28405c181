//! Which endpoint has which partition: each holds a lock on one byte of the window's file.
//!
//! The locks are those of open file descriptions (fcntl(2), `F_OFD_SETLK`). The kernel lets go of one when the last
//! process that holds it has ended, however it ended: none is ever stale. A description that came over a socket is
//! shared with its sender, and its locks would be too. So each claim opens the file anew.

// One system call that no crate has a safe form of.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use crate::window::WindowFile;

/// A partition that is ours until this is dropped.
#[derive(Debug)]
pub struct Claim {
    index: usize,
    /// Its lock is held as long as it is open.
    _lock: File,
}

/// Why a partition could not be claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// There is no such partition.
    #[error("the window has partitions 0 to {last}, and no partition {index}")]
    NoSuch {
        /// The index that was asked for.
        index: usize,
        /// The last index.
        last: usize,
    },
    /// Another endpoint has it.
    #[error("partition {0} is taken: another endpoint of this window has it; close that one, or ask for another index")]
    Taken(usize),
    /// Other endpoints have all of them.
    #[error("all {0} partitions of the window are taken: close one, or make a window for more")]
    AllTaken(usize),
    /// The file could not be locked.
    #[error("cannot lock a partition of the window by way of /proc/self/fd: {0}")]
    Lock(#[from] io::Error),
}

impl Claim {
    /// Partition `index`.
    ///
    /// # Errors
    /// [`ClaimError`].
    pub fn of(window: &WindowFile, index: usize) -> Result<Self, ClaimError> {
        let partitions = window.shape().partitions();
        if index >= partitions {
            return Err(ClaimError::NoSuch { index, last: partitions - 1 });
        }
        let file = own_description(window)?;
        lock(&file, index)?.then_some(Self { index, _lock: file }).ok_or(ClaimError::Taken(index))
    }

    /// The first partition that is free.
    ///
    /// # Errors
    /// [`ClaimError::AllTaken`], [`ClaimError::Lock`].
    pub fn any(window: &WindowFile) -> Result<Self, ClaimError> {
        let partitions = window.shape().partitions();
        for index in 0..partitions {
            match Self::of(window, index) {
                Err(ClaimError::Taken(_)) => {}
                other => return other,
            }
        }
        Err(ClaimError::AllTaken(partitions))
    }

    /// Which partition it is.
    pub fn index(&self) -> usize {
        self.index
    }
}

fn own_description(window: &WindowFile) -> io::Result<File> {
    let path = format!("/proc/self/fd/{}", window.memory().as_raw_fd());
    OpenOptions::new().read(true).write(true).open(path)
}

/// Locks byte `index`; false: another has it.
fn lock(file: &File, index: usize) -> io::Result<bool> {
    let wanted = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: index as libc::off_t,
        l_len: 1,
        l_pid: 0,
    };
    // SAFETY: the call reads `wanted`, which lives until it returns, and the file is open.
    let done = unsafe { libc::fcntl(file.as_fd().as_raw_fd(), libc::F_OFD_SETLK, &raw const wanted) };
    if done == 0 {
        return Ok(true);
    }
    let why = io::Error::last_os_error();
    match why.raw_os_error() {
        Some(libc::EAGAIN | libc::EACCES) => Ok(false),
        _ => Err(why),
    }
}
