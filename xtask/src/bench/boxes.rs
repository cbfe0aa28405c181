//! `cargo xtask bench boxes`: partitions of one box reach those of another over their cards; what that costs against the
//! cards alone.
//!
//! Every way is asked once in each round, one behind the other, and whose turn is first goes around: what slows the host
//! for a while slows all alike. Two emulated machines share the host, and it is they who carry the wire.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use cli::bench::host::Watched;
use cli::qemu::Accelerator;
use serde_json::{Value, json};

use super::iperf::Protocol;
use super::sample::Sample;
use super::two_boxes::{Path, TwoBoxes};
use crate::build;
use crate::places::Places;
use crate::progress::Step;
use crate::setup::{self, KernelLine};

#[derive(Args)]
pub(super) struct Options {
    /// How often every way is asked
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of each run
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Which line of kernels
    #[arg(long, value_enum, default_value_t)]
    kernel: KernelLine,
    /// Where the figures are written [default: bench/boxes.json in cargo's target folder]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// One way, asked in one manner again and again.
struct Answers {
    path: Path,
    protocol: Protocol,
    /// In bit/s, one for each round.
    rates: Vec<f64>,
}

/// Measures, prints and writes.
pub(super) fn run(places: &Places, options: &Options) -> Result<()> {
    setup::ensure_for_boxes(places, options.kernel, &[])?;
    build::run(places, &build::Options::for_line(options.kernel))?;
    let folder = tempfile::Builder::new().prefix("sprig-boxes-").tempdir().context("cannot make a folder")?;
    let watched = Watched::begin()?;
    let step = Step::start("boxes", "booting two");
    let boxes = TwoBoxes::start(places, options.kernel, folder.path())?;
    step.done("two, joined by their cards");
    let outcome = ask_all(&boxes, options);
    // Ended before the host is looked at again: the time of its machines is ours only then.
    drop(boxes);
    let (host, answers) = (watched.end()?, outcome?);
    print(&answers);
    println!("  medians with ranges; host: {host}");
    let json = json!({
        "accelerator": Accelerator::best().to_string(),
        "kernel": options.kernel.name(),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "host": host,
        "disturbed": host.is_disturbed(),
        "measurements": answers.iter().map(Answers::told).collect::<Vec<_>>(),
    });
    let path = options.json.clone().unwrap_or_else(|| places.target.join("bench/boxes.json"));
    super::write(&path, &json)
}

fn ask_all(boxes: &TwoBoxes, options: &Options) -> Result<Vec<Answers>> {
    let answers = [Protocol::Tcp, Protocol::Udp]
        .into_iter()
        .flat_map(|protocol| Path::ALL.map(|path| Answers { path, protocol, rates: Vec::new() }));
    let mut answers: Vec<Answers> = answers.collect();
    let count = answers.len();
    for round in 0..options.rounds {
        let step = Step::start(&format!("round {}/{}", round + 1, options.rounds), "iperf3");
        for turn in 0..count {
            let one = &mut answers[(turn + round as usize) % count];
            step.doing(&format!("{} {}", one.protocol.name(), one.path.name()));
            let rate = boxes.measure(one.path, one.protocol, options.seconds);
            one.rates.push(rate.with_context(|| format!("{} {}", one.protocol.name(), one.path.name()))?);
        }
        step.done("every way");
    }
    Ok(answers)
}

impl Answers {
    fn told(&self) -> Value {
        json!({ "what": self.protocol.name(), "path": self.path.name(), "unit": "bit/s", "samples": self.rates })
    }
}

/// Each way beside the ratio to the cards alone, which is taken within a round.
fn print(answers: &[Answers]) {
    println!("\n  {:<26} {:>22} {:>22}", "Mbit/s", "arrived", "against the cards");
    for of_protocol in answers.chunks(Path::ALL.len()) {
        let cards = &of_protocol[0];
        for one in of_protocol {
            let ratio = Sample::of(one.rates.iter().zip(&cards.rates).map(|(one, cards)| one / cards));
            let (Some(rate), Some(ratio)) = (Sample::of(one.rates.iter().copied()), ratio) else { continue };
            let name = format!("{}, {}", one.protocol.name(), one.path.name());
            println!("  {name:<26} {:>22} {:>22}", format!("{:.0}", rate.times(1e-6)), ratio.to_string());
        }
    }
    println!();
}
