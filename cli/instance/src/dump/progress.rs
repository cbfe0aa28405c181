//! How far a dump is, on a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Time between two lines.
const PAUSE: Duration = Duration::from_millis(200);
/// Goes to the beginning of the line, and clears it.
const CLEAR: &str = "\r\x1b[K";
const MIB: u64 = 1 << 20;

/// A line on standard error that is written again and again, if that is a terminal. It goes away with this value.
pub(super) struct Progress {
    /// All bytes, and those that were written.
    total: u64,
    done: u64,
    /// When it was shown last; `None` if nobody looks.
    shown: Option<Instant>,
}

impl Progress {
    /// Of so many bytes.
    pub(super) fn of(total: u64) -> Self {
        Self { total, done: 0, shown: io::stderr().is_terminal().then(Instant::now) }
    }

    /// So many more were written.
    pub(super) fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        if self.shown.is_some_and(|shown| shown.elapsed() >= PAUSE) {
            self.shown = Some(Instant::now());
            show(&self.line());
        }
    }

    fn line(&self) -> String {
        format!("{CLEAR}{} of {} MiB", self.done / MIB, self.total.div_ceil(MIB))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            show(CLEAR);
        }
    }
}

/// Nobody is harmed if it does not get there.
fn show(text: &str) {
    let mut output = io::stderr();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_what_was_written() {
        let mut progress = Progress::of(3 * MIB);
        progress.advance(MIB);
        progress.advance(MIB / 2);
        assert_eq!(progress.line(), "\r\x1b[K1 of 3 MiB");
    }
}
