//! `sprig-log`: prints the kernel log of another instance, from its first line, also after that has crashed.
//!
//! ```text
//! sprig-log [--follow] PARTITION                     by the name that the box file has
//! sprig-log [--follow] --memory FIRST-LAST[,...]     whatever Linux lies there
//! ```
//!
//! The other kernel takes no part in it, and need not run any more: its log is found in its memory, by what it has
//! written down of itself.
//!
//! | module | |
//! |---|---|
//! | [`arguments`], [`partitions`], [`range`] | what is asked for, and where that lies |
//! | [`memory`], [`device`] | its memory: as a trait, and through `/dev/mem` |
//! | [`note`], [`paging`], [`ring`] | what a kernel writes down of itself, its virtual addresses, its log |
//! | [`search`], [`reader`], [`text`] | finds the log, goes through it, and prints it |

mod arguments;
mod device;
#[cfg(test)]
mod fake;
mod memory;
mod note;
mod paging;
mod partitions;
mod range;
mod reader;
mod ring;
mod search;
mod text;

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use arguments::{Arguments, Extent, Source};
use device::{DEVICE, Device};
use range::MemoryRange;
use reader::Reader;

/// How often a log is looked at that is followed.
const POLL: Duration = Duration::from_millis(200);
/// For so many looks a record that is not complete is waited for.
const PATIENCE: u32 = 5;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sprig-log: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse(env::args().skip(1))?;
    let ranges = match arguments.source {
        Source::Partition(name) => partitions::memory_of(&name)?,
        Source::Memory(ranges) => ranges,
    };
    let memory = Device::open(&ranges).map_err(|error| format!("cannot open {DEVICE}: {error}"))?;
    print(&memory, &ranges, arguments.extent)
}

fn print(memory: &Device, ranges: &[MemoryRange], extent: Extent) -> Result<(), Box<dyn Error>> {
    let ring = search::log(memory, ranges)?;
    match extent {
        Extent::Once => heard(&mut Reader::new(ring, 0)).map(drop),
        Extent::Follow => {
            let mut reader = Reader::new(ring, PATIENCE);
            while heard(&mut reader)? {
                thread::sleep(POLL);
            }
            Ok(())
        }
    }
}

/// Prints what has come. Returns whether somebody reads it: `head` does not when it has enough, which is no failure.
fn heard(reader: &mut Reader<'_, Device>) -> Result<bool, Box<dyn Error>> {
    let missed = reader.look()?;
    if missed > 0 {
        eprintln!("sprig-log: {missed} records were written over before they were read");
    }
    while let Some(record) = reader.next()? {
        // Standard output goes by lines, so what follows in a pipe has each when it has come.
        match io::stdout().write_all(text::lines(&record).as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(false),
            printed => printed?,
        }
    }
    Ok(true)
}
