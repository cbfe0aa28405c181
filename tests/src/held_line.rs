//! A serial line that is held up: the first serial port sends into a pipe with little room left, which nothing reads
//! until the test does.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::io::ioctl_fionread;
use rustix::pipe::fcntl_setpipe_size;
use tempfile::TempDir;

/// The byte that fills the pipe beforehand.
const FILLING: u8 = 0;
/// Pause between two checks whether the line is held up.
const LOOK: Duration = Duration::from_millis(10);

/// A line that is held up as soon as the port has sent as many bytes as there is room for.
pub struct HeldLine {
    folder: TempDir,
    // Open in both directions, so it exists before QEMU opens it, and is never at its end.
    pipe: File,
    capacity: usize,
}

impl HeldLine {
    /// A line with room for so many bytes, less than a page.
    ///
    /// # Panics
    /// If the pipe cannot be made.
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

    /// QEMU's last arguments, by which the first console uses this line.
    pub fn arguments(&self) -> [String; 2] {
        ["-set".to_owned(), format!("chardev.port0.path={}", self.folder.path().join("line").display())]
    }

    /// Whether the pipe is full.
    ///
    /// # Panics
    /// If the kernel does not report how full the pipe is.
    pub fn is_held(&self) -> bool {
        ioctl_fionread(&self.pipe).expect("the kernel reports how much is in the pipe") == self.capacity as u64
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

    /// Reads what the port sends until `words` come.
    ///
    /// # Panics
    /// If nothing comes for `limit`, and they have not come.
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
