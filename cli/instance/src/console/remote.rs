//! The other end: `/dev/sprig-console`, by which the driver reads the console of another partition, and types there.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};

use rustix::io::Errno;

/// The device file.
pub(super) const DEVICE: &str = "/dev/sprig-console";

/// What came of reading.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Reading {
    /// Bytes, and how many were lost before them.
    Bytes { lost: u64, bytes: Vec<u8> },
    /// Nothing was printed since.
    Nothing,
    /// The console is gone, or nothing more comes from it.
    Ended,
    /// Somebody else has attached.
    TakenOver,
}

/// What came of typing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Typing {
    /// So many bytes were typed; there is no room for more now.
    Typed(usize),
    /// Nobody takes them.
    Ended,
    /// Somebody else has attached.
    TakenOver,
}

/// The console of another partition.
pub(super) trait Remote {
    /// Reads what was printed.
    fn read(&mut self) -> io::Result<Reading>;
    /// Types.
    fn type_in(&mut self, bytes: &[u8]) -> io::Result<Typing>;
}

/// One that the driver gives.
pub(super) struct Attached(File);

impl Attached {
    /// Attaches to the console of a partition.
    ///
    /// # Errors
    /// Of opening the device, or the driver's: see `guest-driver/attach.c`.
    pub(super) fn new(name: &str) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).open(DEVICE)?;
        file.write_all(format!("attach {name}").as_bytes())?;
        Ok(Self(file))
    }
}

impl Remote for Attached {
    fn read(&mut self) -> io::Result<Reading> {
        let mut bytes = vec![0; 1024];
        let before = self.0.stream_position()?;
        match self.0.read(&mut bytes) {
            Ok(0) => Ok(Reading::Ended),
            Ok(len) => {
                bytes.truncate(len);
                let lost = self.0.stream_position()?.saturating_sub(before).saturating_sub(len as u64);
                Ok(Reading::Bytes { lost, bytes })
            }
            Err(error) => match Errno::from_io_error(&error) {
                Some(Errno::AGAIN | Errno::INTR) => Ok(Reading::Nothing),
                Some(Errno::BUSY) => Ok(Reading::TakenOver),
                _ => Err(error),
            },
        }
    }

    fn type_in(&mut self, bytes: &[u8]) -> io::Result<Typing> {
        self.0.write(bytes).map(Typing::Typed).or_else(|error| match Errno::from_io_error(&error) {
            Some(Errno::AGAIN | Errno::INTR) => Ok(Typing::Typed(0)),
            Some(Errno::PIPE) => Ok(Typing::Ended),
            Some(Errno::BUSY) => Ok(Typing::TakenOver),
            _ => Err(error),
        })
    }
}
