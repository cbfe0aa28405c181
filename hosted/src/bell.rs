//! What wakes a partition's endpoint: a POSIX message queue that holds one message, without a name (mq_overview(7)).
//!
//! Every process that joins has all bells, and may do with them what it likes. So a bell must be something that nobody
//! can make another wait for:
//!
//! - **Each call says for itself that it will not wait**, by a limit that has passed. Of an eventfd or a pipe that is
//!   said by `O_NONBLOCK`, which all who share the description can clear; then the one that rings waits for as long
//!   as the counter is full. And who reads from a shared socket or pipe waits for a lock that another may hold for ever,
//!   in a page fault of its own.
//! - **A full one is a rung one**: nothing is lost if a message finds no room.
//!
//! What a peer can do: ring for nothing, and take a message that was not meant for it. The one who is rung then wakes
//! with the next tick.

// System calls that no crate has a safe form of.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::process;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

/// A limit that has passed: a moment after the epoch.
static PASSED: libc::timespec = libc::timespec { tv_sec: 1, tv_nsec: 0 };
/// Names that are tried before giving up.
const TRIES: u32 = 100;

/// A partition's bell. Having one means that it is such a queue.
#[derive(Debug)]
pub struct Bell(OwnedFd);

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        for _ in 0..TRIES {
            // Others may be numbered alike, in other namespaces of processes.
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            match Self::named(&format!("/sprig-bell-{}-{number}", process::id())) {
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made,
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn named(name: &str) -> io::Result<Self> {
        let name = CString::new(name).map_err(io::Error::other)?;
        // SAFETY: numbers, of which every value is one.
        let mut form: libc::mq_attr = unsafe { MaybeUninit::zeroed().assume_init() };
        (form.mq_maxmsg, form.mq_msgsize) = (1, 1);
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC | libc::O_NONBLOCK;
        let mode: libc::mode_t = 0o600;
        // SAFETY: name and attributes are read, and live until the call returns.
        let made = unsafe { libc::mq_open(name.as_ptr(), flags, mode, &raw const form) };
        if made < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the name is read. Whether it is gone already does not matter: the queue is ours by its descriptor.
        unsafe { libc::mq_unlink(name.as_ptr()) };
        // SAFETY: in Linux the descriptor of a queue is one of a file; it is new, and nobody else's.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(made) }))
    }

    /// A bell that came from elsewhere, or what came, if it is none.
    pub(crate) fn try_from_file(file: OwnedFd) -> Result<Self, OwnedFd> {
        // SAFETY: numbers, of which every value is one.
        let mut form: libc::mq_attr = unsafe { MaybeUninit::zeroed().assume_init() };
        // SAFETY: the attributes are written, and live until the call returns. Any other file is refused by its type.
        let asked = unsafe { libc::mq_getattr(file.as_raw_fd(), &raw mut form) };
        let is_one = asked == 0 && form.mq_maxmsg == 1 && form.mq_msgsize == 1;
        if is_one { Ok(Self(file)) } else { Err(file) }
    }

    /// Rings. It never waits: where there is no room the bell is rung already.
    pub fn ring(&self) {
        // SAFETY: no byte of the message is read, and the limit lives until the call returns.
        unsafe { libc::mq_timedsend(self.0.as_raw_fd(), c"".as_ptr(), 0, 0, &raw const PASSED) };
    }

    /// Takes a ring, and returns whether there was one. It never waits.
    pub fn take(&self) -> bool {
        let mut message: libc::c_char = 0;
        // SAFETY: a message has one byte at the most, which `message` is; it and the limit live until the call returns.
        let len = unsafe {
            libc::mq_timedreceive(self.0.as_raw_fd(), &raw mut message, 1, ptr::null_mut(), &raw const PASSED)
        };
        len >= 0
    }
}

impl AsFd for Bell {
    /// Readable when it was rung.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
    use rustix::fs::{OFlags, fcntl_setfl};

    use super::*;

    fn is_readable(bell: &Bell) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(bell, PollFlags::IN)], Some(&now)) == Ok(1)
    }

    #[test]
    fn a_bell_is_readable_from_the_first_ring_until_it_is_taken() {
        let bell = Bell::new().unwrap();
        assert!(!is_readable(&bell) && !bell.take());
        (0..3).for_each(|_| bell.ring());
        assert!(is_readable(&bell));
        assert_eq!([bell.take(), bell.take()], [true, false]);
        assert!(!is_readable(&bell));
    }

    #[test]
    fn nobody_waits_though_another_has_said_that_all_should() {
        let bell = Bell::new().unwrap();
        fcntl_setfl(&bell, OFlags::RDWR).unwrap();
        let began = Instant::now();
        (0..100).for_each(|_| bell.ring());
        (0..100).for_each(|_| _ = bell.take());
        // It comes here at all: who waits for a full queue, or for an empty one, waits for ever.
        assert!(began.elapsed().as_secs() < 60);
    }

    #[test]
    fn what_is_no_bell_is_not_taken_for_one() {
        let counter = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        assert!(Bell::try_from_file(counter).is_err());
        let file = std::fs::File::open("/dev/zero").unwrap();
        assert!(Bell::try_from_file(file.into()).is_err());
        let bell = Bell::new().unwrap();
        assert!(Bell::try_from_file(bell.as_fd().try_clone_to_owned().unwrap()).is_ok());
    }
}
