//! `sprig-log`: prints the kernel log of another instance, from its first line, even after that instance has crashed.
//!
//! ```text
//! sprig-log [--follow] PARTITION                     its name in the box file
//! sprig-log [--follow] --memory FIRST-LAST[,...]     the Linux in this memory
//! ```
//!
//! The other kernel takes no part in this, and need not run any more: `sprig-log` finds the log in that kernel's memory
//! by the description of itself that every Linux keeps there.
//!
//! | module | |
//! |---|---|
//! | [`arguments`], [`partitions`], [`range`] | the command line, and where partitions lie |
//! | [`memory`], [`device`] | the other kernel's memory: as a trait, and through `/dev/mem` |
//! | [`note`], [`paging`], [`ring`] | a kernel's description of itself, its virtual addresses, its log |
//! | [`search`], [`reader`], [`text`] | find the log, read it from the beginning, format it |

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

/// Pause between two polls of a log that is followed.
const POLL: Duration = Duration::from_millis(200);
/// For how many polls an incomplete record is waited for.
const PATIENCE: u32 = 5;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "sprig-log: {error}");
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
        Extent::Once => print_new(&mut Reader::new(ring, 0)).map(drop),
        Extent::Follow => {
            let mut reader = Reader::new(ring, PATIENCE);
            while print_new(&mut reader)? {
                thread::sleep(POLL);
            }
            Ok(())
        }
    }
}

/// Prints the records that are new. Returns false if nobody reads the output any more, as `head` when it has enough
/// lines; this is not an error.
fn print_new(reader: &mut Reader<'_, Device>) -> Result<bool, Box<dyn Error>> {
    let missed = reader.look()?;
    if missed > 0 {
        let _ = writeln!(io::stderr(), "sprig-log: {missed} records were overwritten before they were read");
    }
    while let Some(record) = reader.next()? {
        // Standard output is buffered by lines, so the next program in a pipe gets each line at once.
        match io::stdout().write_all(text::lines(&record).as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(false),
            printed => printed?,
        }
    }
    Ok(true)
}
