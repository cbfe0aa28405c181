//! What is typed, and what follows from it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use hosted::{Endpoint, WindowFile, WindowServer};
use shmem::{MAX_PARTITIONS, Shape};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::bridge::Bridge;
use crate::tap::{self, Tap};

/// For each ordered pair: a bridge is one loop.
const QUEUES: usize = 1;

/// How long a program that only serves sleeps between two looks at its signals.
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make a window and hand it out to whoever joins, until SIGTERM or SIGINT
    Create(Create),
    /// Join a window with a TAP interface of this network namespace, until SIGTERM or SIGINT
    Join(Join),
}

#[derive(clap::Args)]
pub(crate) struct Create {
    /// Where it is handed out: the path of a Unix socket, whose permissions say who may join
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// How many partitions it is for
    #[arg(long, value_name = "COUNT", default_value_t = 2,
          value_parser = clap::value_parser!(u32).range(2..=MAX_PARTITIONS as i64))]
    partitions: u32,
    /// The name of the box, of which all addresses are made
    #[arg(long = "name", value_name = "NAME", default_value = "tap")]
    box_name: String,
    /// KiB of the window for each partition's frames
    #[arg(long, value_name = "KIB", default_value_t = (hosted::window::DEFAULT_POOL_LEN >> 10) as u32)]
    pool: u32,
}

#[derive(clap::Args)]
pub(crate) struct Join {
    /// Where the window is handed out
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// Which partition to be [default: the first that is free]
    #[arg(long)]
    index: Option<usize>,
    /// Name of the interface; %d becomes the first number that is free
    #[arg(long, value_name = "NAME", default_value = "vni%d")]
    interface: String,
    /// Largest packet of the interface
    #[arg(long, value_name = "BYTES", default_value_t = 1500,
          value_parser = clap::value_parser!(u32).range(68..=i64::from(tap::MAX_MTU)))]
    mtu: u32,
    /// Microseconds to go on looking for frames before sleeping
    #[arg(long, value_name = "MICROSECONDS", default_value_t = 0)]
    poll: u32,
}

impl Command {
    /// Runs until a signal ends it.
    pub(crate) fn run(&self) -> Result<()> {
        let ended = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&ended)).context("cannot take signals")?;
        }
        match self {
            Self::Create(create) => create.run(&ended),
            Self::Join(join) => join.run(&ended),
        }
    }
}

impl Create {
    fn run(&self, ended: &AtomicBool) -> Result<()> {
        let shape = Shape::new(self.partitions as usize, QUEUES)?;
        let pools = u64::from(self.partitions) * (u64::from(self.pool) << 10);
        let window = WindowFile::create(shape, shmem::control_len(shape) + pools, &self.box_name)?;
        let _serving = WindowServer::bind(&self.socket, &window)?.spawn()?;
        let (name, len) = (window.box_name(), window.len() >> 10);
        print_line(&format!("{name}: {} partitions, {len} KiB, at {}", self.partitions, self.socket.display()));
        while !ended.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }
}

impl Join {
    fn run(&self, ended: &AtomicBool) -> Result<()> {
        let window = WindowFile::join(&self.socket)?;
        let endpoint = match self.index {
            Some(index) => Endpoint::open(&window, index)?,
            None => Endpoint::open_any(&window)?,
        };
        let mac = endpoint.mac(endpoint.index());
        let tap = Tap::open(&self.interface, mac, self.mtu)?;
        print_line(&format!("{} is partition {} of {}, {mac}", tap.name(), endpoint.index(), window.box_name()));
        let mut bridge = Bridge::new(endpoint, tap, self.mtu, Duration::from_micros(self.poll.into()));
        let outcome = bridge.run(ended, print_line);
        bridge.report(print_line);
        outcome
    }
}

/// Prints one line for the program that has started us. A line that cannot be written is dropped.
fn print_line(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "sprig-tap: {line}").and_then(|()| out.flush());
}
