//! What a hostile instance runs: it writes the shared window raw, while its driver keeps the links that it breaks.
//!
//! ```text
//! hostile-partition ACT --seconds 60 --index 3 --partitions 4 --queues 1
//! ```
//!
//! Each act breaks another kind of promise, at full speed. All but the last keep to what the instance may write: its own
//! part, and the pending words of all. It never ends by itself before its time, whatever the others do.

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

fn main() -> Result<()> {
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
