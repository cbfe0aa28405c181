//! `cargo xtask bench boot`: boots a single stock kernel and the example box in turn, on the same emulated hardware.
//!
//! The single kernel has all the cores and all the memory that the partitions have together. QEMU boots it directly, as it
//! does the boot image. They take turns in being first, so that neither has the warmer host.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use bench::file;
use bench::host::HostWatch;
use bench::statistics::Summary;
use clap::Args;
use emulator::emulated::EmulatedMachine;
use emulator::launch::{LaunchOptions, launch};
use emulator::qemu::{Accelerator, Boot, ConsoleSpec, Emulator, MachineSpec};
use emulator::session::Events;
use emulator::source::Source;
use partitioner::allotment::{Purpose, allotments};
use partitioner::amount::Amount;
use serde::Serialize;
use serde_json::json;

use crate::box_file;
use crate::build;
use crate::initrd::Image;
use crate::places::Places;
use crate::progress::Step;
use crate::setup::{self, KernelLine};
use crate::watch::{self, Expected};

/// The name that the demo's init gives itself where no partitioner has named it.
const SINGLE: &str = "solo";
/// The most of the partitioner's own time, by the boot of a single kernel.
const OWN_TIME_MOST: f64 = 0.05;
/// The most of the boot of all instances to user space, by that of a single kernel.
const ALL_UP_MOST: f64 = 1.3;
/// Fewer bytes of the resident part and all tables.
const RESIDENT_LIMIT: u64 = 4 << 20;

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

/// The two boots of a pair, in seconds.
#[derive(Clone, Copy, PartialEq, Serialize, Debug)]
struct Pair {
    /// From QEMU's start until the single kernel reported from user space.
    single_boot_seconds: f64,
    /// From QEMU's start until the last instance of the box reported from user space.
    box_all_in_user_space_seconds: f64,
    /// The partitioner's, from its entry to the start of the last kernel, without waits for turns.
    own_time_seconds: f64,
    /// Until each kernel was past its legacy accesses.
    waited_for_turns_seconds: f64,
}

/// What is published. Ratios are taken within a pair, whose two boots ran one after the other: what slows the host for a
/// while slows both.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
struct Figures {
    single_boot_seconds: Summary,
    box_all_in_user_space_seconds: Summary,
    own_time_seconds: Summary,
    waited_for_turns_seconds: Summary,
    own_time_to_single_boot: Held<Summary>,
    all_in_user_space_to_single_boot: Held<Summary>,
    resident_and_tables_bytes: Held<u64>,
}

/// A figure and its target.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
struct Held<T> {
    value: T,
    target: f64,
    met: bool,
}

pub(super) fn run(places: &Places, options: &Options) -> Result<()> {
    let folder = places.target.join("bench");
    setup::ensure_for_boxes(places, options.kernel, &[])?;
    build::run(places, &build::Options::for_line(options.kernel))?;
    let events = Events::new()?;
    let source = Source::read(&box_file::pair(places, options.kernel, Image::Small, &folder)?)?;
    let bench = BootBench::new(places, options.kernel, &source, &events)?;
    let watch = HostWatch::begin()?;
    let pairs: Vec<Pair> =
        (1..=options.pairs).map(|number| bench.pair(number, options.pairs)).collect::<Result<_>>()?;
    let host = watch.end()?;
    let figures = Figures::of(&pairs, bench.resident_and_tables);
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
        "runs": pairs,
    });
    file::write(&path, &json).with_context(|| format!("cannot write {}", path.display()))?;
    println!("  written to {}", path.display());
    Ok(())
}

struct BootBench<'a> {
    places: &'a Places,
    kernel: KernelLine,
    source: &'a Source,
    events: &'a Events,
    /// Of all partitions together.
    cores: u32,
    memory: u64,
    resident_and_tables: u64,
}

impl<'a> BootBench<'a> {
    fn new(places: &'a Places, kernel: KernelLine, source: &'a Source, events: &'a Events) -> Result<BootBench<'a>> {
        let inventory = EmulatedMachine::needed_by(source.request()).inventory();
        let plan = source.plan(&inventory)?;
        let cores = plan.partitions.iter().map(|partition| partition.cores.len()).sum::<usize>();
        let tables: u64 = plan.partitions.iter().map(|partition| partition.tables.len()).sum();
        let resident = allotments(&inventory, &plan).into_iter();
        let resident = resident.filter(|part| matches!(part.purpose, Purpose::Resident | Purpose::Trampoline));
        Ok(BootBench {
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

    fn pair(&self, number: u32, count: u32) -> Result<Pair> {
        let step = Step::start(&format!("pair {number}/{count}"), "booting");
        let (single, (all_up, [own, waited])) = if number.is_multiple_of(2) {
            let together = self.boot_box(&step)?;
            (self.boot_single(&step)?, together)
        } else {
            (self.boot_single(&step)?, self.boot_box(&step)?)
        };
        let [single, all_up, own, waited] = [single, all_up, own, waited].map(|time| time.as_secs_f64());
        step.done(&format!("single {single:.2} s, box {all_up:.2} s"));
        Ok(Pair {
            single_boot_seconds: single,
            box_all_in_user_space_seconds: all_up,
            own_time_seconds: own,
            waited_for_turns_seconds: waited,
        })
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

    /// From QEMU's start to the last report, with the partitioner's times.
    fn boot_box(&self, step: &Step) -> Result<(Duration, [Duration; 2])> {
        step.doing("the box");
        let running = launch(self.source, &self.places.boot_image(), LaunchOptions::default())?;
        let mut partitioner = None;
        let arrived = watch::reports(running.machine(), self.events, &watch::expected(&running)?, |output| {
            partitioner = partitioner.or_else(|| partitioner_times(output.line));
        })?;
        let consoles = running.machine().consoles().len();
        drop(running);
        watch::drain(self.events, consoles)?;
        let all_up = arrived.iter().map(|arrived| arrived.after).max().context("nobody reported")?;
        Ok((all_up, partitioner.context("the boot image did not print its own time")?))
    }
}

/// Its own time and its wait for turns, of `... leave: own time 390090 us, waited for turns 1844497 us; ...`.
fn partitioner_times(line: &str) -> Option<[Duration; 2]> {
    let (own, rest) = line.split_once(" leave: own time ")?.1.split_once(" us, waited for turns ")?;
    let (waited, _) = rest.split_once(" us")?;
    Some([Duration::from_micros(own.parse().ok()?), Duration::from_micros(waited.parse().ok()?)])
}

impl Figures {
    fn of(pairs: &[Pair], resident_and_tables: u64) -> Figures {
        let summary = |of: fn(&Pair) -> f64| Summary::of(pairs.iter().map(of));
        let ratio = |of: fn(&Pair) -> f64, target| {
            let value = Summary::of(pairs.iter().map(|pair| of(pair) / pair.single_boot_seconds));
            Held { value, target, met: value.median <= target }
        };
        Figures {
            single_boot_seconds: summary(|pair| pair.single_boot_seconds),
            box_all_in_user_space_seconds: summary(|pair| pair.box_all_in_user_space_seconds),
            own_time_seconds: summary(|pair| pair.own_time_seconds),
            waited_for_turns_seconds: summary(|pair| pair.waited_for_turns_seconds),
            own_time_to_single_boot: ratio(|pair| pair.own_time_seconds, OWN_TIME_MOST),
            all_in_user_space_to_single_boot: ratio(|pair| pair.box_all_in_user_space_seconds, ALL_UP_MOST),
            resident_and_tables_bytes: Held {
                value: resident_and_tables,
                target: RESIDENT_LIMIT as f64,
                met: resident_and_tables < RESIDENT_LIMIT,
            },
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |met| if met { "met" } else { "MISSED" };
        writeln!(f, "  single kernel in user space      {:.2} s", self.single_boot_seconds)?;
        writeln!(f, "  all instances in user space      {:.2} s", self.box_all_in_user_space_seconds)?;
        writeln!(f, "  partitioner's own time           {:.0} ms", self.own_time_seconds.times(1e3))?;
        writeln!(f, "  its waiting for turns            {:.0} ms", self.waited_for_turns_seconds.times(1e3))?;
        writeln!(f)?;
        let (own, own_met) = (self.own_time_to_single_boot.value.times(1e2), self.own_time_to_single_boot.met);
        writeln!(f, "  own time / single boot           {own:.1} %, target at most 5 %: {}", word(own_met))?;
        let all = &self.all_in_user_space_to_single_boot;
        writeln!(f, "  all instances / single boot      {:.2}, target at most 1.3: {}", all.value, word(all.met))?;
        let resident = &self.resident_and_tables_bytes;
        let (amount, limit) = (Amount(resident.value), Amount(RESIDENT_LIMIT));
        writeln!(f, "  resident part and tables         {amount}, target under {limit}: {}", word(resident.met))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(single_boot_seconds: f64, box_all_in_user_space_seconds: f64, own_time_seconds: f64) -> Pair {
        Pair { single_boot_seconds, box_all_in_user_space_seconds, own_time_seconds, waited_for_turns_seconds: 0.1 }
    }

    #[test]
    fn the_partitioners_times_are_in_its_last_line() {
        let line = "sprig     2.234 leave: own time 390090 us, waited for turns 1844497 us; the boot processor parks";
        assert_eq!(partitioner_times(line), Some([390_090, 1_844_497].map(Duration::from_micros)));
        assert_eq!(partitioner_times("sprig     2.234 leave: own time soon"), None);
        assert_eq!(partitioner_times("[    1.0] own time 1 us, waited for turns 2 us"), None);
    }

    #[test]
    fn ratios_are_taken_within_pairs() {
        // Over the medians it would be 3 to 2. Each pair says 1.
        let figures = Figures::of(&[pair(1.0, 1.0, 0.01), pair(3.0, 3.0, 0.03), pair(2.0, 4.0, 0.02)], 0);
        assert_eq!(figures.all_in_user_space_to_single_boot.value.median, 1.0);
        assert_eq!(figures.own_time_to_single_boot.value.median, 0.01);
        assert_eq!(figures.box_all_in_user_space_seconds.median, 3.0);
    }

    #[test]
    fn each_target_is_met_up_to_its_limit_and_missed_beyond() {
        let met = Figures::of(&[pair(1.0, 1.3, 0.05)], (4 << 20) - 1).to_string();
        let missed = Figures::of(&[pair(1.0, 1.301, 0.051)], 4 << 20).to_string();
        assert_eq!((met.matches("MISSED").count(), missed.matches("MISSED").count()), (0, 3), "{met}\n{missed}");
    }
}
