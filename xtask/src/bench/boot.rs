//! `cargo xtask bench boot`: boots a single stock kernel and the example box in turn, on the same emulated hardware.
//!
//! The single kernel has all the cores and all the memory that the partitions have together. QEMU boots it directly,
//! as it does the boot image. Which of a pair goes first alternates, so that neither has the warmer host.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use cli::bench::host::Watched;
use emulator::emulated::EmulatedMachine;
use emulator::launch::{LaunchOptions, launch};
use emulator::qemu::{Accelerator, Boot, ConsoleSpec, Emulator, MachineSpec};
use emulator::session::Events;
use emulator::source::Source;
use partitioner::allotment::{Purpose, allotments};
use serde_json::json;

use super::boot_figures::{BoxBoot, Figures, Pair, PartitionerTime};
use crate::box_file;
use crate::build;
use crate::initrd::Image;
use crate::places::Places;
use crate::progress::Step;
use crate::setup::{self, KernelLine};
use crate::watch::{self, Expected};

/// What the demo's init calls itself where no partitioner has named it.
const SINGLE: &str = "solo";

#[derive(Args)]
pub(super) struct Options {
    /// How many pairs of boots
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// Which line of kernels
    #[arg(long, value_enum, default_value_t)]
    kernel: KernelLine,
    /// Where the figures are written [default: bench/boot.json in cargo's target folder]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures, prints and writes.
pub(super) fn run(places: &Places, options: &Options) -> Result<()> {
    let folder = places.target.join("bench");
    setup::ensure_for_boxes(places, options.kernel, &[])?;
    build::run(places, &build::Options::for_line(options.kernel))?;
    let events = Events::new()?;
    let source = Source::read(&box_file::pair(places, options.kernel, Image::Small, &folder)?)?;
    let bench = Bench::new(places, options.kernel, &source, &events)?;
    let host = Watched::begin()?;
    let pairs = bench.pairs(options.pairs)?;
    let host = host.end()?;
    let figures = Figures::of(&pairs, bench.resident_and_tables).context("no pair was measured")?;
    println!("\n{}\n\n{figures}", bench.title(options));
    println!("  medians with ranges; host: {host}");
    let path = options.json.clone().unwrap_or_else(|| folder.join("boot.json"));
    let release = fs::read_to_string(places.kernel(options.kernel).with_file_name("release"))?;
    let json = json!({
        "kernel_release": release.trim(),
        "accelerator": Accelerator::best().to_string(),
        "pairs": options.pairs,
        "cores": bench.cores,
        "memory_bytes": bench.memory,
        "host": host,
        "disturbed": host.is_disturbed(),
        "figures": figures,
        "runs": pairs.iter().map(raw).collect::<Vec<_>>(),
    });
    super::write(&path, &json)
}

/// What is measured.
struct Bench<'a> {
    places: &'a Places,
    kernel: KernelLine,
    source: &'a Source,
    events: &'a Events,
    /// Of all partitions together.
    cores: u32,
    memory: u64,
    resident_and_tables: u64,
}

impl<'a> Bench<'a> {
    fn new(places: &'a Places, kernel: KernelLine, source: &'a Source, events: &'a Events) -> Result<Bench<'a>> {
        let inventory = EmulatedMachine::needed_by(source.request()).inventory();
        let plan = source.plan(&inventory)?;
        let cores = plan.partitions.iter().map(|partition| partition.cores.len()).sum::<usize>();
        let tables: u64 = plan.partitions.iter().map(|partition| partition.tables.len()).sum();
        let resident = allotments(&inventory, &plan).into_iter();
        let resident = resident.filter(|part| matches!(part.purpose, Purpose::Resident | Purpose::Trampoline));
        Ok(Bench {
            places,
            kernel,
            source,
            events,
            cores: u32::try_from(cores)?,
            memory: plan.partitions.iter().map(|partition| partition.memory_len()).sum(),
            resident_and_tables: tables + resident.map(|part| part.range.len()).sum::<u64>(),
        })
    }

    fn title(&self, options: &Options) -> String {
        format!(
            "{} kernels {} on {} cores against one, {} pairs, by {}",
            self.source.request().partitions.len(),
            options.kernel.name(),
            self.cores,
            options.pairs,
            Accelerator::best(),
        )
    }

    fn pairs(&self, count: u32) -> Result<Vec<Pair>> {
        (1..=count).map(|number| self.pair(number, count)).collect()
    }

    fn pair(&self, number: u32, count: u32) -> Result<Pair> {
        let step = Step::start(&format!("pair {number}/{count}"), "booting");
        let pair = match number % 2 {
            0 => {
                let together = self.boot_box(&step)?;
                Pair { single: self.boot_single(&step)?, together }
            }
            _ => {
                let single = self.boot_single(&step)?;
                Pair { single, together: self.boot_box(&step)? }
            }
        };
        let (single, all_up) = (pair.single.as_secs_f64(), pair.together.all_up.as_secs_f64());
        step.done(&format!("single {single:.2} s, box {all_up:.2} s"));
        Ok(pair)
    }

    /// From QEMU's start to the report of a kernel that has the whole machine.
    fn boot_single(&self, step: &Step) -> Result<Duration> {
        step.doing("a single kernel");
        let boot = Boot::Kernel {
            image: self.places.kernel(self.kernel),
            initrd: Some(self.places.initrd(Image::Small)),
            command_line: "console=ttyS0,115200n8".to_owned(),
        };
        let spec = MachineSpec {
            emulator: Emulator::find(Some(&self.places.boot_image())),
            cpus: self.cores,
            memory: self.memory,
            consoles: vec![ConsoleSpec::new(SINGLE)],
            ..MachineSpec::new(boot)
        };
        let machine = spec.start()?;
        let expected = [Expected { name: SINGLE.to_owned(), port: 0 }];
        let arrived = watch::reports(&machine, self.events, &expected, |_| {})?;
        drop(machine);
        watch::drain(self.events, expected.len())?;
        arrived.first().map(|arrived| arrived.after).context("nobody reported")
    }

    fn boot_box(&self, step: &Step) -> Result<BoxBoot> {
        step.doing("the box");
        let running = launch(self.source, &self.places.boot_image(), LaunchOptions::default())?;
        let mut partitioner = None;
        let arrived = watch::reports(running.machine(), self.events, &watch::expected(&running)?, |said| {
            partitioner = partitioner.or_else(|| PartitionerTime::in_line(said.line));
        })?;
        let consoles = running.machine().consoles().len();
        drop(running);
        watch::drain(self.events, consoles)?;
        let all_up = arrived.iter().map(|arrived| arrived.after).max().context("nobody reported")?;
        let partitioner = partitioner.context("the boot image did not tell its own time")?;
        Ok(BoxBoot { all_up, partitioner })
    }
}

fn raw(pair: &Pair) -> serde_json::Value {
    json!({
        "single_boot_seconds": pair.single.as_secs_f64(),
        "box_all_in_user_space_seconds": pair.together.all_up.as_secs_f64(),
        "own_time_seconds": pair.together.partitioner.own.as_secs_f64(),
        "waited_for_turns_seconds": pair.together.partitioner.waited.as_secs_f64(),
    })
}
