//! What the virtual Ethernet costs where nothing is emulated: two processes, each on a core of its own, that share a window,
//! beside other contenders.
//!
//! ```text
//!   this process, first core                      its peer, second core
//!   rounds: gate, sample, gate, ... ─── fork ───► does the other half
//!            │                      ◄── result ──             │
//!            └──── control words, windows: shared memory ─────┘
//! ```
//!
//! Cargo runs this as a benchmark with `--bench`. Without it, as one of the tests, everything runs for a moment, and nobody
//! looks at the figures.

#![allow(missing_docs, reason = "a program")]

mod clock;
mod control;
mod copying;
mod dpdk;
mod flow;
mod gate;
mod index;
mod integrity;
mod peer;
mod plan;
mod port;
mod trips;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use anyhow::{Result, bail, ensure};
use bench::host::{self, HostWatch};
use bench::model::{Bench, Measurement, Setting};
use bench::probe::Probe;
use bench::rounds::Rounds;
use bench::table::table;
use bench::targets::native;
use bench::{file, labels, quantity};
use clap::Parser;

use self::gate::Gate;
use self::peer::{Cores, Peer, first_two};
use self::plan::{Effort, Part};

/// Measures the endpoint and others on two cores
#[derive(Parser)]
#[command(args_override_self = true)]
struct Options {
    /// Cargo's word for a run whose figures count
    #[arg(long, hide = true)]
    bench: bool,
    /// The two cores, like 0,1 [default: the first two on which it may run]
    #[arg(long, value_delimiter = ',')]
    cores: Vec<usize>,
    /// Which parts, separated by commas [default: all but integrity]
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Part>,
    /// Only the most important cases of each part
    #[arg(long)]
    quick: bool,
    /// Samples of each
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Frames that must all arrive as they were sent, in the part integrity
    #[arg(long, default_value_t = native::FRAMES)]
    frames: u64,
    /// Root of an unpacked tree of Debian's DPDK; without it memif and vhost-user are left out
    #[arg(long, value_name = "FOLDER")]
    dpdk: Option<PathBuf>,
    /// The version of that
    #[arg(long, value_name = "VERSION")]
    dpdk_version: Option<String>,
    /// Where the figures are written
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Names of tests, as cargo passes them
    #[arg(hide = true)]
    filters: Vec<String>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("native bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let cores = if options.cores.is_empty() { first_two()? } else { options.cores.clone() };
    let cores = match cores[..] {
        [here, there] if here != there => Cores { here, there },
        _ if options.bench => bail!("two cores are needed, one for each process, and not {cores:?}: see taskset(1)"),
        _ => {
            eprintln!("SKIPPED: two cores are needed, and there are {cores:?}");
            return Ok(());
        }
    };
    if !options.bench {
        return smoke(options, cores);
    }
    let bench = measure(options, cores, if options.quick { Effort::Quick } else { Effort::Full })?;
    println!("\n{}", table(&bench));
    options.json.iter().for_each(|path| println!("written to {}", path.display()));
    ensure!(!bench.measurements.is_empty(), "nothing could be measured");
    Ok(())
}

/// Whether everything runs, and no frame is corrupt.
fn smoke(options: &Options, cores: Cores) -> Result<()> {
    let bench = measure(options, cores, Effort::Smoke)?;
    let corrupt: f64 = bench.measurements.iter().filter_map(|one| one.counters.get("corrupt_frames")).sum();
    let failures: Vec<&String> = bench.remarks.iter().filter(|remark| remark.starts_with("round ")).collect();
    ensure!(failures.is_empty(), "some cases could not be measured: {failures:?}");
    ensure!(corrupt == 0.0, "{corrupt} frames were corrupt");
    ensure!(!bench.measurements.is_empty(), "nothing could be measured");
    Ok(())
}

fn measure(options: &Options, cores: Cores, effort: Effort) -> Result<Bench> {
    let watch = HostWatch::begin()?;
    let mut bench = empty(options, cores)?;
    let mut peer = Peer::new(cores)?;
    let mut gate = Gate::new(&mut peer, effort)?;
    for part in plan::parts(&options.only, effort) {
        let probes = plan::probes(part, effort, options.frames, options.dpdk.as_deref());
        let is_single = part == Part::Integrity || effort == Effort::Smoke;
        let count = if is_single { 1 } else { options.rounds };
        let rounds = Rounds { count, failures: 1, stop: &AtomicBool::new(false), progress: &|_| {} };
        let sample = |probe: &mut dyn Probe<Peer>, peer: &mut Peer| gate.sample(probe, peer);
        let measurements = rounds.run_with(vec![probes], &mut peer, &mut bench.remarks, sample);
        measurements.iter().for_each(|measurement| eprintln!("{}", describe(measurement)));
        bench.measurements.extend(measurements);
        bench.targets = native::targets(&bench.measurements);
        bench.conditions.insert("cache line".to_owned(), format!("{:.0} ns for the best round trip", gate.best));
        // Whatever happens to the next part, this one is kept.
        write(options, &bench)?;
    }
    bench.record(watch.end()?);
    write(options, &bench)?;
    Ok(bench)
}

fn empty(options: &Options, cores: Cores) -> Result<Bench> {
    let title = "Two processes on two cores, by the driver's own code".to_owned();
    let cores = format!("{} receives and asks, {} sends and answers", cores.here, cores.there);
    let conditions = [("processor", host::processor()), ("kernel", host::kernel()?), ("cores", cores)];
    let dpdk = options.dpdk_version.iter().map(|version| ("DPDK", version.clone()));
    let without = "measured without memif and vhost-user: DPDK is not here (cargo xtask setup --only dpdk)";
    let remarks = if options.dpdk.is_none() { vec![without.to_owned()] } else { Vec::new() };
    Ok(Bench::new(Setting::Native, title, conditions.into_iter().chain(dpdk), Vec::new(), remarks))
}

fn write(options: &Options, bench: &Bench) -> Result<()> {
    options.json.iter().try_for_each(|path| file::write(path, bench))
}

fn describe(measurement: &Measurement) -> String {
    let (case, scale) = (&measurement.case, quantity::Scale::of(&measurement.case.unit, measurement.summary().most));
    let (subject, parameters) = (labels::subject(measurement), labels::parameters(&case.parameters));
    format!("{} of {subject}, {parameters}: {}", case.what, scale.describe(measurement.summary()))
}
