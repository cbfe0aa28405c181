//! Reads from a disk, one block at a time, past the page cache.
//!
//! Only the beginning of the disk is read, again and again. The host soon holds it in memory, so the figure is that of the
//! path to an emulated disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::num::NonZeroUsize;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bench_agent::{Order, Transfer};
use rustix::fs::OFlags;

const EXTENT: u64 = 64 << 20;
/// What direct reads align memory to: no disk has larger blocks.
const ALIGNMENT: usize = 4096;

/// Reads blocks of `len` bytes for so long.
pub(crate) fn read(device: &str, len: NonZeroUsize, order: Order, duration: Duration) -> Result<Transfer> {
    let len = len.get();
    let disk = open(device).with_context(|| device.to_owned())?;
    let blocks = blocks(&disk, len).with_context(|| device.to_owned())?;
    ensure!(blocks > 0, "{device} has less than {len} bytes");
    let mut memory = vec![0; len + ALIGNMENT];
    let aligned = memory.as_ptr().align_offset(ALIGNMENT);
    let buffer = &mut memory[aligned..aligned + len];
    // The same sequence in every run.
    let (mut random, mut block) = (fastrand::Rng::with_seed(1), 0);
    let (start, mut bytes) = (Instant::now(), 0);
    while start.elapsed() < duration {
        disk.read_exact_at(buffer, block * len as u64).with_context(|| device.to_owned())?;
        bytes += len as u64;
        block = match order {
            Order::Sequential => (block + 1) % blocks,
            Order::Random => random.u64(..blocks),
        };
    }
    Ok(Transfer { bytes, seconds: start.elapsed().as_secs_f64() })
}

fn open(device: &str) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlags::DIRECT.bits().cast_signed()).open(device)
}

fn blocks(mut disk: &File, len: usize) -> io::Result<u64> {
    Ok(disk.seek(SeekFrom::End(0))?.min(EXTENT) / len as u64)
}
