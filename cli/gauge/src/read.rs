//! Reads from a disk, one behind the other, past the page cache of whoever reads.
//!
//! Only the beginning of the disk is read, over and over: below an emulated disk it is in the host's memory before long, so
//! that what is measured is the way to the disk.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::num::NonZeroUsize;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::str::FromStr;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use serde::Serialize;

/// How much of a disk is read.
const REACH: u64 = 64 << 20;
/// What memory that a disk writes to must be aligned to: no disk has larger blocks.
const ALIGNMENT: usize = 4096;

/// In which order a disk is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    Sequential,
    Random,
}

/// What is to be read.
pub(crate) struct Reads {
    /// Bytes of each.
    pub(crate) len: NonZeroUsize,
    pub(crate) order: Order,
    pub(crate) lasts: Duration,
}

/// What was read.
#[derive(Serialize)]
pub(crate) struct Told {
    reads: u64,
    bytes: u64,
    seconds: f64,
}

/// Reads for so long.
pub(crate) fn run(device: &str, reads: &Reads) -> Result<Told, String> {
    let told = |error| format!("{device}: {error}");
    let (disk, len) = (open(device).map_err(told)?, reads.len.get());
    let places = places(&disk, len).map_err(told)?;
    if places == 0 {
        return Err(format!("{device} has less than {len} bytes"));
    }
    let mut memory = vec![0; len + ALIGNMENT];
    let aligned = memory.as_ptr().align_offset(ALIGNMENT);
    let buffer = &mut memory[aligned..aligned + len];
    let mut order = Places { order: reads.order, places, state: 1 };
    let begun = Instant::now();
    let mut done = 0;
    while begun.elapsed() < reads.lasts {
        disk.read_exact_at(buffer, order.next() * len as u64).map_err(told)?;
        done += 1;
    }
    Ok(Told { reads: done, bytes: done * len as u64, seconds: begun.elapsed().as_secs_f64() })
}

fn open(device: &str) -> std::io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlags::DIRECT.bits().cast_signed()).open(device)
}

/// How many reads lie one behind the other within reach.
fn places(mut disk: &File, len: usize) -> std::io::Result<u64> {
    Ok(disk.seek(SeekFrom::End(0))?.min(REACH) / len as u64)
}

/// Where is read, in multiples of a read: the same places for everybody.
struct Places {
    order: Order,
    places: u64,
    state: u64,
}

impl Places {
    fn next(&mut self) -> u64 {
        match self.order {
            Order::Sequential => self.state += 1,
            // Marsaglia's xorshift: which number, is nobody's business.
            Order::Random => {
                self.state ^= self.state << 13;
                self.state ^= self.state >> 7;
                self.state ^= self.state << 17;
            }
        }
        self.state % self.places
    }
}

impl FromStr for Order {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "sequential" => Ok(Self::Sequential),
            "random" => Ok(Self::Random),
            _ => Err(format!("{word:?} is neither sequential nor random")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_within_reach() {
        for order in [Order::Sequential, Order::Random] {
            let mut places = Places { order, places: 3, state: 1 };
            let visited: Vec<u64> = (0..100).map(|_| places.next()).collect();
            assert!([0, 1, 2].iter().all(|place| visited.contains(place)), "{order:?}: {visited:?}");
            assert!(visited.iter().all(|place| *place < 3), "{order:?}: {visited:?}");
        }
    }
}
