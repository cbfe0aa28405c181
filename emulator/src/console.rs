//! The serial ports of an emulated machine, seen from outside. All output is logged and kept, a program can wait for
//! text to appear, a person can type.
//!
//! The pipe that QEMU writes to exists before QEMU starts and has room for the output of a whole boot, so not one byte
//! that a kernel prints is lost. A thread reads each console for as long as the machine lives; [`Console`] is a cheap handle on what it has
//! read.

mod log;
mod record;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use self::log::{ConsoleLog, LogError};
use self::record::Record;
pub use self::record::{Found, Pattern};

/// How often a wait looks whether it is to end.
const STOP_STEP: Duration = Duration::from_millis(500);

/// One serial port. Clones share the port and the position from which [`Console::wait_for`] searches.
#[derive(Clone)]
pub struct Console {
    name: Arc<str>,
    shared: Arc<Shared>,
    writer: Arc<File>,
}

struct Shared {
    record: Mutex<Record>,
    grown: Condvar,
}

/// The awaited text did not come.
#[derive(Clone, Debug, thiserror::Error)]
#[error("console \"{console}\": {why} while waiting for {waited_for}; the last lines were:\n{last_lines}")]
pub struct WaitError {
    /// The console's name.
    pub console: String,
    /// The pattern.
    pub waited_for: String,
    /// Why waiting ended.
    pub why: WaitEnd,
    /// The last lines that came.
    pub last_lines: String,
}

/// Why waiting ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitEnd {
    /// This limit passed.
    TimedOut(Duration),
    /// The machine ended, so nothing more can come.
    Closed,
    /// A signal has come.
    Stopped,
}

impl Console {
    /// Attaches to a serial port: `reader` yields its output, `writer` takes its input. A thread reads the output, and
    /// copies it to `log`, until the other end is closed.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(crate) fn attach(
        name: &str,
        reader: impl Into<OwnedFd>,
        writer: impl Into<OwnedFd>,
        log: Option<ConsoleLog>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared { record: Mutex::default(), grown: Condvar::new() });
        let (reader, writer) = (File::from(reader.into()), File::from(writer.into()));
        let console = Self { name: name.into(), shared: Arc::clone(&shared), writer: Arc::new(writer) };
        std::thread::Builder::new().name(format!("console {name}")).spawn(move || shared.read_all(reader, log))?;
        Ok(console)
    }

    /// The partition's name, or `sprig` for the log of the boot image.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits until `pattern` matches. The search starts where the last match ended.
    ///
    /// # Errors
    /// If it does not match within `limit`, or the machine ends.
    pub fn wait_for(&self, pattern: impl Into<Pattern>, limit: Duration) -> Result<Found, WaitError> {
        self.wait_unless(&AtomicBool::new(false), pattern, limit)
    }

    /// The same, until `stop` becomes true.
    ///
    /// # Errors
    /// Those of [`Console::wait_for`], or that it was stopped.
    pub fn wait_unless(
        &self,
        stop: &AtomicBool,
        pattern: impl Into<Pattern>,
        limit: Duration,
    ) -> Result<Found, WaitError> {
        let pattern = pattern.into();
        let deadline = Instant::now() + limit;
        let mut record = self.shared.lock();
        loop {
            if let Some(found) = record.take(&pattern) {
                return Ok(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let why = if record.closed {
                WaitEnd::Closed
            } else if stop.load(Ordering::Relaxed) {
                WaitEnd::Stopped
            } else if left.is_zero() {
                WaitEnd::TimedOut(limit)
            } else {
                record = wait_on(&self.shared.grown, record, left.min(STOP_STEP));
                continue;
            };
            return Err(WaitError {
                console: self.name.to_string(),
                waited_for: pattern.to_string(),
                why,
                last_lines: record.last_lines(),
            });
        }
    }

    /// Why the console's log file is incomplete, if it is.
    pub fn log_error(&self) -> Option<LogError> {
        self.shared.lock().log_error.clone()
    }

    /// The last lines of the output, indented; at most twelve.
    pub fn last_lines(&self) -> String {
        self.shared.lock().last_lines()
    }

    /// The output that is still kept.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.shared.lock().bytes).into_owned()
    }

    /// The output, piece by piece, from the first byte that is still kept until the machine ends.
    pub fn follow(&self) -> impl Iterator<Item = Vec<u8>> + Send + use<> {
        let shared = Arc::clone(&self.shared);
        let mut position = 0;
        std::iter::from_fn(move || {
            let mut record = shared.lock();
            loop {
                if let Some(piece) = record.since(position) {
                    position = record.end();
                    return Some(piece);
                }
                if record.closed {
                    return None;
                }
                record = shared.grown.wait(record).unwrap_or_else(PoisonError::into_inner);
            }
        })
    }

    /// Types `bytes`.
    ///
    /// # Errors
    /// If the machine has ended.
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        (&*self.writer).write_all(bytes)
    }

    /// Types a line and presses the return key.
    ///
    /// # Errors
    /// If the machine has ended.
    pub fn send_line(&self, line: &str) -> io::Result<()> {
        self.send(format!("{line}\n").as_bytes())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reading thread's work. It ends when QEMU closes its end.
    fn read_all(&self, mut reader: File, mut log: Option<ConsoleLog>) {
        let mut piece = [0; 4096];
        loop {
            let read = match reader.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            let piece = &piece[..read];
            let log_error = log.as_mut().and_then(|log| log.write(piece).err());
            if log_error.is_some() {
                log = None;
            }
            let mut record = self.lock();
            record.push(piece);
            record.log_error = record.log_error.take().or(log_error);
            drop(record);
            self.grown.notify_all();
        }
        self.lock().closed = true;
        self.grown.notify_all();
    }
}

fn wait_on<'a>(grown: &Condvar, record: MutexGuard<'a, Record>, limit: Duration) -> MutexGuard<'a, Record> {
    grown.wait_timeout(record, limit).unwrap_or_else(PoisonError::into_inner).0
}

impl std::fmt::Display for WaitEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TimedOut(limit) => write!(f, "{:.0} s passed", limit.as_secs_f64()),
            Self::Closed => f.write_str("the machine ended"),
            Self::Stopped => f.write_str("a signal came"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::path::Path;

    use regex::bytes::Regex;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn console() -> (Console, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Console::attach("web", ours.try_clone().unwrap(), ours, None).unwrap(), theirs)
    }

    #[test]
    fn waiting_goes_on_from_where_the_last_match_ended() {
        let (console, mut machine) = console();
        machine.write_all(b"one login: two login: ").unwrap();
        assert_eq!(console.wait_for("login:", SOON).unwrap().before, "one ");
        assert_eq!(console.wait_for("login:", SOON).unwrap().before, " two ");
    }

    #[test]
    fn a_match_may_arrive_in_pieces_and_has_its_groups() {
        let (console, mut machine) = console();
        machine.write_all(b"sprig-report: {\"name\":").unwrap();
        let waiting = console.clone();
        let found =
            std::thread::spawn(move || waiting.wait_for(Regex::new(r"sprig-report: (\{.*\})\r?\n").unwrap(), SOON));
        machine.write_all(b"\"web\"}\r\n").unwrap();
        assert_eq!(found.join().unwrap().unwrap().groups, [r#"{"name":"web"}"#]);
    }

    #[test]
    fn an_error_says_what_was_waited_for_and_what_came_instead() {
        let (console, mut machine) = console();
        machine.write_all(b"Linux version 6.1\r\nKernel panic\r\n").unwrap();
        drop(machine);
        let error = console.wait_for("login:", SOON).unwrap_err();
        assert_eq!(
            error.to_string(),
            "console \"web\": the machine ended while waiting for \"login:\"; the last lines were:\n    \
             Linux version 6.1\n    Kernel panic"
        );
    }

    #[test]
    fn what_does_not_come_is_not_waited_for_forever() {
        let (console, _machine) = console();
        let limit = Duration::from_millis(20);
        assert_eq!(console.wait_for("login:", limit).unwrap_err().why, WaitEnd::TimedOut(limit));
    }

    #[test]
    fn a_wait_ends_when_it_is_stopped() {
        let (console, _machine) = console();
        let error = console.wait_unless(&AtomicBool::new(true), "login:", SOON).unwrap_err();
        assert_eq!(error.why, WaitEnd::Stopped);
    }

    #[test]
    fn a_log_that_cannot_be_written_is_reported_once_and_the_console_goes_on() {
        let (ours, mut machine) = UnixStream::pair().unwrap();
        let log = ConsoleLog::create(Path::new("/dev/full")).unwrap();
        let console = Console::attach("web", ours.try_clone().unwrap(), ours, Some(log)).unwrap();
        machine.write_all(b"one").unwrap();
        console.wait_for("one", SOON).unwrap();
        machine.write_all(b"two").unwrap();
        console.wait_for("two", SOON).unwrap();
        let error = console.log_error().unwrap().to_string();
        assert!(error.starts_with("cannot write the log /dev/full: No space left on device"), "{error}");
    }

    #[test]
    fn a_follower_sees_everything_and_ends_with_the_machine() {
        let (console, mut machine) = console();
        machine.write_all(b"all of it").unwrap();
        drop(machine);
        assert_eq!(console.follow().flatten().collect::<Vec<_>>(), b"all of it");
    }
}
