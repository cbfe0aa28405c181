//! `cargo xtask bench restart`: boots the example box, and starts one of its partitions again and again: by its neighbour, and
//! by its policy after a panic.
//!
//! Each round has a box of its own: its first boot, then two restarts by order, then a panic. All times but a restart's own
//! are the host's, from what is typed or started to the report from user space.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bench::host::HostWatch;
use bench::model::{Bench, Case, Setting};
use bench::targets::restart::targets;
use clap::Args;
use emulator::console::Console;
use emulator::emulated::EmulatedMachine;
use emulator::launch::{LaunchOptions, RunningBox, launch};
use emulator::qemu::Accelerator;
use emulator::shell::Shell;
use emulator::source::Source;
use partitioner::amount::Amount;

use super::publish;
use crate::box_file;
use crate::build;
use crate::initrd::Image;
use crate::places::Places;
use crate::report::MARK;
use crate::setup::{self, KernelLine};

/// Of the example box: who asks, and who is started again.
const ACTOR: &str = "web";
const VICTIM: &str = "db";
/// How long one boot may take, in emulation on a busy host.
const BOOT_LIMIT: Duration = Duration::from_secs(300);
/// Restarts by order in each round. The first one after the start of the machine clears memory that its host has not given to
/// it yet.
const RESTARTS: [&str; 2] = ["first", "later"];

#[derive(Args)]
pub(crate) struct Options {
    /// How many boxes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Which line of kernels
    #[arg(long, value_enum, default_value_t)]
    kernel: KernelLine,
    /// Where the figures are written [default: bench/restart.json in cargo's target folder]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Nanoseconds.
#[derive(Default)]
struct Samples {
    boots: Vec<f64>,
    own: [Vec<f64>; RESTARTS.len()],
    panics: Vec<f64>,
}

pub(super) fn run(places: &Places, options: &Options) -> Result<()> {
    setup::ensure_for_boxes(places, options.kernel, &[])?;
    build::run(places, &build::Options::for_line(options.kernel))?;
    let folder = places.target.join("bench");
    let source = Source::read(&with_policy(places, options.kernel, &folder)?)?;
    let watch = HostWatch::begin()?;
    let mut samples = Samples::default();
    for number in 1..=options.rounds {
        println!("box {number} of {}", options.rounds);
        samples.round(places, &source).with_context(|| format!("box {number}"))?;
    }
    let host = watch.end()?;
    let (accelerator, line) = (Accelerator::best(), options.kernel.name());
    let release = fs::read_to_string(places.kernel(options.kernel).with_file_name("release"))?;
    let plan = source.plan(&EmulatedMachine::needed_by(source.request()).inventory())?;
    let victim = plan.partitions.iter().find(|partition| partition.name == VICTIM);
    let memory = victim.context("the box has a victim")?.memory_len();
    let conditions = [
        ("kernel", release.trim().to_owned()),
        ("accelerator", accelerator.to_string()),
        ("memory", Amount(memory).to_string()),
    ];
    let mut measurements = vec![Case::new("boot", "first", "ns").measured(samples.boots)];
    let own = RESTARTS.into_iter().zip(samples.own);
    measurements.extend(own.map(|(which, samples)| Case::new("own-time", which, "ns").measured(samples)));
    measurements.push(Case::new("boot", "after-panic", "ns").measured(samples.panics));
    let title = format!("a partition of {line} started again, {} boxes, by {accelerator}", options.rounds);
    let mut bench = Bench::new(Setting::Boot, title, conditions, measurements, Vec::new());
    bench.targets = targets(&bench.measurements);
    bench.record(host);
    publish(places, options.json.as_deref(), "restart.json", &bench)
}

/// The example box, whose victim is started again when it has panicked.
fn with_policy(places: &Places, line: KernelLine, folder: &Path) -> Result<PathBuf> {
    let example = box_file::pair(places, line, Image::Full, folder)?;
    let text = fs::read_to_string(&example).with_context(|| format!("cannot read {}", example.display()))?;
    let name = format!("name = \"{VICTIM}\"\n");
    ensure!(text.contains(&name), "{} has no partition {VICTIM}", example.display());
    let text = text.replace(&name, &format!("{name}on_panic = \"restart\"\n"));
    // Its paths are those of the example's folder.
    let images = example.parent().context("the example lies in a folder")?;
    let text = text.replace("\"../", &format!("\"{}/../", images.display()));
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let copy = folder.join("restart.toml");
    fs::write(&copy, text).with_context(|| format!("cannot write {}", copy.display()))?;
    Ok(copy)
}

impl Samples {
    fn round(&mut self, places: &Places, source: &Source) -> Result<()> {
        let begun = Instant::now();
        let running = launch(source, &places.boot_image(), LaunchOptions::default())?;
        let victim = console(&running, VICTIM)?;
        await_report(victim)?;
        self.boots.push(begun.elapsed().as_nanos() as f64);
        let stop = AtomicBool::new(false);
        let actor = Shell::at_prompt(console(&running, ACTOR)?, BOOT_LIMIT, &stop)?;
        for own in &mut self.own {
            let said = actor.run(&format!("sprig restart --wait {VICTIM}"), BOOT_LIMIT)?;
            own.push(entered_after(&said).with_context(|| format!("sprig restart has said: {said}"))? * 1e9);
            await_report(victim)?;
        }
        Shell::at_prompt(victim, BOOT_LIMIT, &stop)?;
        let begun = Instant::now();
        victim.send_line("echo c > /proc/sysrq-trigger")?;
        await_report(victim)?;
        self.panics.push(begun.elapsed().as_nanos() as f64);
        Ok(())
    }
}

fn console<'a>(running: &'a RunningBox, name: &str) -> Result<&'a Console> {
    running.console(name).with_context(|| format!("{name} has no console"))
}

fn await_report(console: &Console) -> Result<()> {
    console.wait_for(MARK, BOOT_LIMIT)?;
    Ok(())
}

/// The seconds in `"db" is running, its kernel entered after 0.80 s, ...`.
fn entered_after(said: &str) -> Option<f64> {
    said.split_once("entered after ")?.1.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restarts_own_time_is_what_the_command_says() {
        let said = "\"db\" is running, its kernel entered after 0.80 s, its driver loaded after 9.10 s";
        assert_eq!(entered_after(said), Some(0.8));
        assert_eq!(entered_after("\"db\" was asked to restart"), None);
    }
}
