//! What a hostile instance runs: it writes the shared window raw, while its driver keeps the links that it breaks.
//!
//! ```text
//! hostile-partition ACT --seconds 60 --index 3 --partitions 4 --queues 1
//! ```
//!
//! Each act breaks another kind of promise, at full speed. All but the last keep to what the instance may write: its own
//! part, and the pending words of all. It never ends by itself before its time, whatever the others do.
//!
//! ```text
//! hostile-partition hang --code 0x15a00000-0x169fffff
//! ```
//!
//! overwrites the code of another instance's kernel: each of its cores hangs at its next step there, with interrupts off, and
//! takes no NMI.

mod acts;
mod memory;
mod random;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Parser;
use shmem::Shape;

use acts::{Act, Actor};
use memory::Mapped;
use random::Random;

/// Writes between two looks at the clock.
const WRITES: usize = 4096;

#[derive(Parser)]
struct Arguments {
    /// What to do
    act: Act,
    /// For how long
    #[arg(long)]
    seconds: u64,
    /// The index of this partition
    #[arg(long)]
    index: usize,
    /// How many partitions the box has
    #[arg(long)]
    partitions: usize,
    /// How many queues each pair of them has
    #[arg(long)]
    queues: usize,
}

/// The act that is none of the window's.
const HANG: &str = "hang";

#[derive(Parser)]
struct HangArguments {
    /// `hang`
    _act: String,
    /// Where the other kernel's code lies: its first byte, in hexadecimal
    #[arg(long, value_parser = hexadecimal)]
    code: u64,
    /// How many bytes it has
    #[arg(long)]
    len: u64,
}

fn hexadecimal(text: &str) -> Result<u64, std::num::ParseIntError> {
    u64::from_str_radix(text.trim_start_matches("0x"), 16)
}

/// `cli`, and a jump to it; from any byte of a row of them a core comes there.
const HANGING: [u8; 3] = [0xfa, 0xeb, 0xfd];

fn hang(arguments: &HangArguments) -> Result<()> {
    let mapped = Mapped::memory(arguments.code, arguments.len)?;
    let mut bytes = HANGING.into_iter().cycle();
    for at in (0..mapped.len()).step_by(8) {
        let word: [u8; 8] = std::array::from_fn(|_| bytes.next().unwrap_or_default());
        mapped.word(at).store(u64::from_le_bytes(word), std::sync::atomic::Ordering::Relaxed);
    }
    Ok(())
}

fn main() -> Result<()> {
    if std::env::args().nth(1).is_some_and(|act| act == HANG) {
        return hang(&HangArguments::parse());
    }
    let arguments = Arguments::parse();
    ensure!(arguments.index < arguments.partitions, "there is no partition {}", arguments.index);
    let mapped = Mapped::window()?;
    let shape = Shape::new(arguments.partitions, arguments.queues)?;
    let mut actor = Actor::new(&mapped, mapped.as_window(shape)?, arguments.index, Random::new());
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    let mut writes = 0;
    while Instant::now() < end {
        (0..WRITES).for_each(|_| actor.act(arguments.act));
        writes += WRITES;
    }
    println!("{writes} writes");
    Ok(())
}
