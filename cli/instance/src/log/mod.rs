//! `sprig log`: prints the kernel log of another instance, from its first line, even after that instance has crashed.
//!
//! The other kernel takes no part in this, and need not run any more: the log is found in that kernel's memory by the
//! description of itself that every Linux keeps there ([`crate::kernel`]).
//!
//! | module | |
//! |---|---|
//! | [`ring`] | a kernel's log in its memory |
//! | [`search`], [`reader`], [`text`] | find the log, read it from the beginning, format it |

#[cfg(test)]
mod fake;
mod reader;
mod ring;
mod search;
mod text;

use std::io;
use std::thread;
use std::time::Duration;

use self::reader::{Reader, ReaderError};
use self::ring::RingError;
use crate::kernel::device::{DEVICE, Device};
use crate::kernel::range::MemoryRange;
use crate::kernel::search::SearchError;
use crate::note;
use crate::output;
use crate::partitions::{Partitions, PartitionsError};

/// Pause between two polls of a log that is followed.
const POLL: Duration = Duration::from_millis(200);
/// For how many polls an incomplete record is waited for.
const PATIENCE: u32 = 5;

/// Print the kernel log of another instance
///
/// Prints what `dmesg` would print there, from the first line. The log is read out of the other kernel's memory, so that
/// kernel may have crashed, or hang, or have no user space at all.
#[derive(clap::Args, Debug)]
#[command(override_usage = "sprig log [--follow] <NAME>\n       sprig log [--follow] --memory <RANGES>")]
pub(crate) struct Log {
    /// Print also what is logged later, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Search this memory instead of a partition's, where the driver is not loaded: 0x400000-0x203fffff, the last byte
    /// included, and commas between several ranges
    #[arg(long, value_name = "RANGES", value_delimiter = ',', conflicts_with = "name")]
    memory: Vec<MemoryRange>,
    /// The partition, by its name in the box file
    #[arg(required_unless_present = "memory")]
    name: Option<String>,
}

/// Why a log is not printed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// Nobody says where partitions lie.
    #[error("{0}; or name the memory with --memory")]
    NoTable(PartitionsError),
    /// The partitions are not known, or have none of that name.
    #[error(transparent)]
    Partitions(PartitionsError),
    /// It is this instance's own partition.
    #[error("{0:?} is the partition that this runs in, whose log `dmesg` prints")]
    Own(String),
    /// Memory is not accessible.
    #[error("cannot open {DEVICE}: {0}")]
    Open(io::Error),
    /// There is no log.
    #[error(transparent)]
    Search(#[from] SearchError<RingError>),
    /// The log cannot be read any more.
    #[error(transparent)]
    Reader(#[from] ReaderError),
    /// What was read cannot be written.
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

impl From<PartitionsError> for LogError {
    fn from(error: PartitionsError) -> Self {
        match error {
            PartitionsError::NoBox | PartitionsError::NoDriver(_) => Self::NoTable(error),
            _ => Self::Partitions(error),
        }
    }
}

impl Log {
    /// Prints the log.
    pub(crate) fn run(&self) -> Result<(), LogError> {
        let ranges = self.ranges()?;
        let memory = Device::open(&ranges).map_err(LogError::Open)?;
        let ring = search::log(&memory, &ranges)?;
        if !self.follow {
            return print_new(&mut Reader::new(ring, 0)).map(drop);
        }
        let mut reader = Reader::new(ring, PATIENCE);
        while print_new(&mut reader)? == output::Listener::There {
            thread::sleep(POLL);
        }
        Ok(())
    }

    fn ranges(&self) -> Result<Vec<MemoryRange>, LogError> {
        match &self.name {
            Some(name) => memory_of(name, &Partitions::read()?),
            None => Ok(self.memory.clone()),
        }
    }
}

fn memory_of(name: &str, partitions: &Partitions) -> Result<Vec<MemoryRange>, LogError> {
    let index = partitions.index_of(name)?;
    if index == partitions.own() {
        return Err(LogError::Own(name.to_owned()));
    }
    Ok(partitions.all()[index].memory.clone())
}

/// Prints the records that are new.
fn print_new(reader: &mut Reader<'_, Device>) -> Result<output::Listener, LogError> {
    let missed = reader.look()?;
    if missed > 0 {
        note(&format!("warning: {missed} records were overwritten before they were read"));
    }
    while let Some(record) = reader.next()? {
        let there = output::print(&text::lines(&record)).map_err(LogError::Output)?;
        if there == output::Listener::Gone {
            return Ok(there);
        }
    }
    Ok(output::Listener::There)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use clap::error::ErrorKind;

    use super::*;

    #[derive(Parser, Debug)]
    struct Arguments {
        #[command(flatten)]
        log: Log,
    }

    fn parse(line: &str) -> Result<Log, clap::Error> {
        Arguments::try_parse_from(format!("log {line}").split_whitespace()).map(|arguments| arguments.log)
    }

    #[test]
    fn a_partition_or_memory_is_named_and_may_be_followed() {
        for (line, follow) in [("db", false), ("--follow db", true), ("db -f", true)] {
            let log = parse(line).unwrap();
            assert_eq!((log.name.as_deref(), log.follow, log.memory), (Some("db"), follow, vec![]), "{line}");
        }
        let ranges = ["0x1000-0x1fff", "0x4000-0x5fff"].map(|range| range.parse().unwrap());
        let log = parse("--memory 0x1000-0x1fff,0x4000-0x5fff").unwrap();
        assert_eq!((log.name, log.follow, log.memory), (None, false, ranges.to_vec()));
    }

    #[test]
    fn any_other_form_is_refused() {
        for (line, kind) in [
            ("", ErrorKind::MissingRequiredArgument),
            ("--follow", ErrorKind::MissingRequiredArgument),
            ("web db", ErrorKind::UnknownArgument),
            ("--memory", ErrorKind::InvalidValue),
            ("db --memory 0x1000-0x1fff", ErrorKind::ArgumentConflict),
            ("-x db", ErrorKind::UnknownArgument),
        ] {
            assert_eq!(parse(line).unwrap_err().kind(), kind, "{line:?}");
        }
        let refusal = parse("--memory db").unwrap_err();
        assert!(refusal.to_string().contains("\"db\" is not a memory range"), "{refusal}");
    }

    #[test]
    fn the_partition_that_this_runs_in_is_left_to_dmesg() {
        let table = "0 web 0x400000-0x203fffff\n1 db 0x20400000-0x303fffff\n";
        let partitions = Partitions::parse(table, "0").unwrap();
        let refusal = memory_of("web", &partitions).unwrap_err().to_string();
        assert_eq!(refusal, "\"web\" is the partition that this runs in, whose log `dmesg` prints");
        assert_eq!(memory_of("db", &partitions).unwrap(), ["0x20400000-0x303fffff".parse().unwrap()]);
    }
}
