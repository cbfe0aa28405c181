//! What the virtual Ethernet costs where nothing is emulated: two processes, each on a core of its own, that share a
//! window, and the same questions to others.
//!
//! ```text
//!   this process, first core                     the same program, second core
//!   rounds: gate, sample, gate, ...  ── task ──► other: does its half
//!            │                       ◄─ answer ─
//!            └────── floor, windows: shared memory ──────┘
//! ```
//!
//! | module | |
//! |---|---|
//! | `rounds` | each contender once a round; which samples count |
//! | `gate`, `waits` | whether the machine is quiet, before and after a sample and meanwhile |
//! | `other`, `floor` | the second process, and where both meet |
//! | `station` | an endpoint, as both have it |
//! | `flow`, `trips`, `integrity` | what is asked of it: frames one way, to and fro, and whether any is lost |
//! | `copying`, `index` | the limit of any copy; the hand-off of a descriptor alone |
//! | `dpdk` | memif and vhost-user |
//! | `report` | JSON lines |
//!
//! Cargo runs this as a benchmark with `--bench`. Without it, as one of the tests, everything is run for a moment, and
//! nobody looks at how long it took.

#![allow(missing_docs, reason = "a program")]

mod clock;
mod copying;
mod cores;
mod distribution;
mod dpdk;
mod failure;
mod floor;
mod flow;
mod gate;
mod index;
mod integrity;
mod other;
mod plan;
mod report;
mod rounds;
mod station;
mod trips;
mod waits;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use self::cores::{Core, Cores};
use self::failure::Failure;
use self::gate::{Gate, Strictness};
use self::other::Other;
use self::plan::{Effort, Part};
use self::report::Report;

/// Measures the endpoint and others on two cores; prints one JSON object a line
#[derive(Parser)]
struct Options {
    /// Said by cargo where figures are wanted
    #[arg(long, hide = true)]
    bench: bool,
    /// The two cores, like 0,1 [default: the first two that we may run on]
    #[arg(long)]
    cores: Option<Cores>,
    /// Which parts, separated by commas [default: all but integrity]
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Part>,
    /// Only the most telling questions of each part
    #[arg(long)]
    quick: bool,
    /// Samples of each
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Frames that must all arrive as they were sent, in the part integrity
    #[arg(long, default_value_t = 100_000_000)]
    frames: u64,
    /// Root of an unpacked tree of Debian's DPDK; without it there is no memif and no vhost-user
    #[arg(long, value_name = "FOLDER")]
    dpdk: Option<PathBuf>,
    /// To be the other process: where the floor is handed out
    #[arg(long, hide = true, requires = "core")]
    other: Option<PathBuf>,
    #[arg(long, hide = true)]
    core: Option<usize>,
    /// What cargo's users say to pick tests: nothing to us
    #[arg(hide = true)]
    filters: Vec<String>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match (&options.other, options.core) {
        (Some(floor), Some(core)) => other::be(floor, Core(core)),
        _ => measure(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::TooFewCores(cores)) if !options.bench => {
            eprintln!("SKIPPED: two cores are needed, and there is {cores}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("native bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<(), Failure> {
    let cores = options.cores.map_or_else(Cores::first_two, Ok)?;
    let mut other = Other::start(cores)?;
    let (effort, strictness) = match (options.bench, options.quick) {
        (false, _) => (Effort::Smoke, Strictness::Lenient),
        (true, true) => (Effort::Quick, Strictness::Strict),
        (true, false) => (Effort::Whole, Strictness::Strict),
    };
    let mut gate = Gate::new(&mut other, strictness)?;
    let mut report = Report::default();
    report.condition("cores", &format!("{} receives and asks, {} sends and answers", cores.here, cores.there));
    for part in plan::parts(&options.only, effort) {
        let contenders = plan::contenders(part, effort, options.frames, options.dpdk.as_deref());
        let rounds = plan::rounds(part, effort, options.rounds);
        rounds::ask_all(contenders, rounds, &mut gate, &mut other, &mut report)?;
    }
    report.condition("cache line", &format!("{:.0} ns for the best round trip", gate.best));
    // A test wants to know; a bench has said it in a remark, or beside.
    if effort == Effort::Smoke && (report.failures > 0 || report.corrupt > 0.0) {
        let Report { failures, corrupt, .. } = report;
        return Err(Failure::wrong(format!("{failures} questions could not be asked, {corrupt} frames were corrupt")));
    }
    if report.measurements == 0 {
        return Err(Failure::wrong("nothing could be measured"));
    }
    Ok(())
}
