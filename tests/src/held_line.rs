//! A serial line whose other end holds it: the first serial port sends into a pipe that has little room left, and
//! nobody reads it until a test does.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::io::ioctl_fionread;
use rustix::pipe::fcntl_setpipe_size;
use tempfile::TempDir;

/// What fills the pipe beforehand.
const FILLING: u8 = 0;
/// How often it is looked whether the line is held.
const LOOK: Duration = Duration::from_millis(10);

/// A line that is held once the port has sent as many bytes as there is room for.
pub struct HeldLine {
    folder: TempDir,
    // Open in both directions, so it is there before QEMU is, and never at its end.
    pipe: File,
    capacity: usize,
}

impl HeldLine {
    /// With room for so many bytes, less than a page.
    ///
    /// # Panics
    /// If there can be no such pipe.
    pub fn with_room(room: usize) -> Self {
        let folder = TempDir::with_prefix("sprig-test-").expect("a folder for the line");
        let [typed, sent] = ["line.in", "line.out"].map(|name| folder.path().join(name));
        for path in [&typed, &sent] {
            mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR).expect("a named pipe");
        }
        let mut pipe = OpenOptions::new().read(true).write(true).open(sent).expect("the pipe opens");
        let capacity = fcntl_setpipe_size(&pipe, 1).expect("a pipe may be made small");
        pipe.write_all(&vec![FILLING; capacity - room]).expect("there is room for this");
        Self { folder, pipe, capacity }
    }

    /// What QEMU must be told, after all else: the first console goes here instead.
    pub fn arguments(&self) -> [String; 2] {
        ["-set".to_owned(), format!("chardev.port0.path={}", self.folder.path().join("line").display())]
    }

    /// Whether the pipe is full.
    ///
    /// # Panics
    /// If the pipe cannot be asked.
    pub fn is_held(&self) -> bool {
        ioctl_fionread(&self.pipe).expect("a pipe tells how much is in it") == self.capacity as u64
    }

    /// Waits until the pipe is full, and leaves it so for `duration`.
    ///
    /// # Panics
    /// If it is not full within `limit`.
    pub fn hold(&self, duration: Duration, limit: Duration) {
        let started = Instant::now();
        while !self.is_held() {
            assert!(started.elapsed() < limit, "{limit:?} passed, and the port has not filled the pipe");
            thread::sleep(LOOK);
        }
        thread::sleep(duration);
    }

    /// Reads what the port has sent and sends, until `words` come.
    ///
    /// # Panics
    /// If they do not come and nothing else does for `limit`.
    pub fn read_until(&mut self, words: &str, limit: Duration) -> String {
        let limit = Timespec { tv_sec: limit.as_secs().cast_signed(), tv_nsec: 0 };
        let mut text = String::new();
        let mut piece = [0; 4096];
        while !text.contains(words) {
            let ready =
                poll(&mut [PollFd::new(&self.pipe, PollFlags::IN)], Some(&limit)).expect("a pipe is waited for");
            assert!(ready == 1, "{limit:?} passed while waiting for {words:?}; this came:\n{text}");
            let read = self.pipe.read(&mut piece).expect("a pipe is read");
            let sent = piece[..read].iter().filter(|byte| **byte != FILLING);
            text.extend(sent.map(|byte| char::from(*byte)));
        }
        text
    }
}
