//! `cargo xtask bench boot`: boots a single stock kernel and the example box in turn, on the same emulated hardware.
//!
//! The single kernel has all the cores and all the memory that the partitions have together. QEMU boots it directly, as it
//! does the boot image. They take turns in being first, so that neither has the warmer host.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, ensure};
use bench::host::HostWatch;
use bench::model::{Bench, Case, Setting};
use bench::probe::{Sample, probe};
use bench::rounds::Rounds;
use bench::targets::boot::targets;
use clap::Args;
use emulator::alone::alone;
use emulator::emulated::EmulatedMachine;
use emulator::launch::{LaunchOptions, launch};
use emulator::qemu::{Accelerator, MachineSpec};
use emulator::session::{Events, own_times};
use emulator::source::Source;
use partitioner::allotment::{Purpose, allotments};
use partitioner::amount::Amount;

use super::publish;
use crate::box_file;
use crate::build;
use crate::initrd::Image;
use crate::places::Places;
use crate::setup::{self, KernelLine};
use crate::watch::{self, Expected};

/// The name that the demo's init gives itself where no partitioner has named it.
const SINGLE: &str = "solo";

#[derive(Args)]
pub(crate) struct Options {
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

struct Testbed<'a> {
    places: &'a Places,
    source: &'a Source,
    events: &'a Events,
    /// Of all partitions together.
    cores: u32,
    memory: u64,
    /// The boot image's part that stays, and all tables.
    resident: u64,
    /// Nanoseconds of each boot of the box: the partitioner's from its entry to the start of the last kernel, without waits
    /// for turns; and those, until each kernel was past its legacy accesses.
    own_times: Vec<f64>,
    waited: Vec<f64>,
}

pub(super) fn run(places: &Places, options: &Options) -> Result<()> {
    setup::ensure_for_boxes(places, options.kernel, &[])?;
    build::run(places, &build::Options::for_line(options.kernel))?;
    let events = Events::new()?;
    let source = Source::read(&box_file::pair(places, options.kernel, Image::Small, &places.target.join("bench"))?)?;
    let mut testbed = Testbed::new(places, &source, &events)?;
    let watch = HostWatch::begin()?;
    let (stop, mut remarks) = (AtomicBool::new(false), Vec::new());
    let rounds = Rounds { count: options.pairs, failures: 1, stop: &stop, progress: &|line| println!("{line}") };
    let single = probe(Case::new("boot", "single", "ns"), Testbed::boot_single);
    let boot_box = probe(Case::new("boot", "box", "ns"), Testbed::boot_box);
    let mut measurements = rounds.run(vec![vec![single, boot_box]], &mut testbed, &mut remarks);
    ensure!(!testbed.own_times.is_empty(), "nothing could be measured: {}", remarks.join("; "));
    let host = watch.end()?;
    let (count, cores, accelerator) = (source.request().partitions.len(), testbed.cores, Accelerator::best());
    let (line, pairs) = (options.kernel.name(), options.pairs);
    let title = format!("{count} kernels {line} on {cores} cores against one, {pairs} pairs, by {accelerator}");
    let release = fs::read_to_string(places.kernel(options.kernel).with_file_name("release"))?;
    let conditions = [
        ("kernel", release.trim().to_owned()),
        ("accelerator", accelerator.to_string()),
        ("cores", cores.to_string()),
        ("memory", Amount(testbed.memory).to_string()),
    ];
    measurements.extend([
        Case::new("own-time", "box", "ns").measured(testbed.own_times),
        Case::new("waiting-for-turns", "box", "ns").measured(testbed.waited),
        Case::new("resident", "box", "KiB").measured(vec![testbed.resident as f64 / 1024.0]),
    ]);
    let mut bench = Bench::new(Setting::Boot, title, conditions, measurements, remarks);
    bench.targets = targets(&bench.measurements);
    bench.record(host);
    publish(places, options.json.as_deref(), "boot.json", &bench)
}

impl<'a> Testbed<'a> {
    fn new(places: &'a Places, source: &'a Source, events: &'a Events) -> Result<Testbed<'a>> {
        let inventory = EmulatedMachine::needed_by(source.request()).inventory();
        let plan = source.plan(&inventory)?;
        let cores = plan.partitions.iter().map(|partition| partition.cores.len()).sum::<usize>();
        let tables: u64 = plan.partitions.iter().map(|partition| partition.tables.len()).sum();
        let resident = allotments(&inventory, &plan).into_iter();
        let resident = resident.filter(|part| matches!(part.purpose, Purpose::Resident | Purpose::Trampoline));
        Ok(Testbed {
            places,
            source,
            events,
            cores: u32::try_from(cores)?,
            memory: plan.partitions.iter().map(|partition| partition.memory_len()).sum(),
            resident: tables + resident.map(|part| part.range.len()).sum::<u64>(),
            own_times: Vec::new(),
            waited: Vec::new(),
        })
    }

    /// From QEMU's start to the report of a kernel that has the whole machine.
    fn boot_single(&mut self) -> Result<Sample> {
        let spec = alone(self.source, 0, &self.places.boot_image(), SINGLE)?;
        let machine = MachineSpec { cpus: self.cores, memory: self.memory, ..spec }.start()?;
        let expected = [Expected { name: SINGLE.to_owned(), port: 0 }];
        let arrived = watch::reports(&machine, self.events, &expected, |_| {})?;
        drop(machine);
        watch::drain(self.events, expected.len())?;
        let first = arrived.first().context("nobody reported")?;
        Ok(Sample::of(first.after.as_nanos() as f64))
    }

    /// From QEMU's start to the last report.
    fn boot_box(&mut self) -> Result<Sample> {
        let running = launch(self.source, &self.places.boot_image(), LaunchOptions::default())?;
        let mut partitioner = None;
        let arrived = watch::reports(running.machine(), self.events, &watch::expected(&running)?, |output| {
            partitioner = partitioner.or_else(|| own_times(output.line));
        })?;
        let consoles = running.machine().consoles().len();
        drop(running);
        watch::drain(self.events, consoles)?;
        let all_up = arrived.iter().map(|arrived| arrived.after).max().context("nobody reported")?;
        let [own, waited] = partitioner.context("the boot image did not print its own time")?;
        self.own_times.push(own.as_nanos() as f64);
        self.waited.push(waited.as_nanos() as f64);
        Ok(Sample::of(all_up.as_nanos() as f64))
    }
}
