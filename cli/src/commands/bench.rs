//! `sprig bench`: measures what the virtual Ethernet of a box carries, and what it is compared with.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result};
use bench::boxes::run::BenchRun;
use bench::boxes::spec::{BenchSpec, Extent, Metric, Subject};
use bench::report::page;
use bench::table::table;
use bench::{file, model};
use clap::ValueEnum;
use emulator::emulated::EmulatedDevice;
use emulator::source::Source;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::print;

/// Measure what the virtual Ethernet of a box carries, and its disks and network cards
///
/// Boots the box in an emulated machine and measures with stock iperf3 and a generator of its own, between every pair of
/// partitions or a chosen one; in the same run it measures an instance's own loopback and veth. It measures a disk or a
/// network card of a partition beside the same kernel alone on a machine with the same devices. With a second box, it
/// measures what partitions of the two send each other over their cards. Ctrl-C ends it, and it keeps what it has measured.
#[derive(clap::Args)]
pub struct Bench {
    /// The box file
    file: PathBuf,
    /// Only from this partition to that one
    #[arg(long, value_name = "FROM:TO", value_parser = pair)]
    pair: Option<(String, String)>,
    /// In less than two minutes: the most important cases of the first pair, once
    #[arg(long)]
    quick: bool,
    /// Only these metrics, separated by commas
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Metric>,
    /// Only these subjects, separated by commas [default: all but virtio-net]
    #[arg(long, value_delimiter = ',', value_enum)]
    subjects: Vec<Subject>,
    /// Beside the box, boot two separate machines whose virtio cards are joined by a socket, and measure those too
    #[arg(long)]
    against_virtio: bool,
    /// Plug in a PCI device, as `sprig run` does; may be given many times. A device that the box file gives to a partition
    /// is measured there, and in the same kernel alone on a machine of its own. Images of disks stay as they are
    #[arg(long = "device", value_name = "DEVICE")]
    devices: Vec<EmulatedDevice>,
    /// A second box, on a machine of its own: a wire joins the network cards of both, and the bench measures what goes from
    /// one to the other
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pair", "against_virtio", "devices"])]
    other_box: Option<PathBuf>,
    /// How long each sample takes [default: 2, or 1 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: Option<u64>,
    /// How many samples each case gets [default: 5, or 1 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// Where `bench.json` and `report.html` are written [default: sprig-bench beside the box file]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// The boot image, if it is not beside this program
    #[arg(long, value_name = "ELF")]
    boot_image: Option<PathBuf>,
}

impl Bench {
    /// Measures, prints the table and writes the files.
    ///
    /// # Errors
    /// An error in the box file; anything that is missing here; if nothing at all could be measured.
    pub fn run(&self) -> Result<()> {
        let source = Source::read(&self.file)?;
        let boot_image = super::boot_image(self.boot_image.as_deref())?;
        let output = self.output.clone().unwrap_or_else(|| self.file.with_file_name("sprig-bench"));
        // Before anything is measured for nothing.
        fs::create_dir_all(&output).with_context(|| format!("cannot make {}", output.display()))?;
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot wait for signals")?;
        }
        let bench = self.measure(&source, boot_image, &stop)?;
        file::write(&output.join("bench.json"), &bench)?;
        fs::write(output.join("report.html"), page(&bench)).context("cannot write report.html")?;
        print(&format!("\n{}\nwrote bench.json and report.html to {}\n", table(&bench), output.display()))
    }

    fn measure(&self, source: &Source, boot_image: PathBuf, stop: &AtomicBool) -> Result<model::Bench> {
        let progress = |line: &str| super::note(line);
        let run = BenchRun { boot_image, spec: &self.spec(), stop, progress: &progress };
        Ok(match &self.other_box {
            Some(other) => run.two_boxes([source, &Source::read(other)?])?,
            None => run.one_box(source, &super::machine(source, &self.devices)?)?,
        })
    }

    fn spec(&self) -> BenchSpec {
        let (extent, rounds, seconds) = if self.quick { (Extent::Quick, 1, 1) } else { (Extent::Full, 5, 2) };
        let mut subjects = self.subjects.clone();
        if subjects.is_empty() && self.other_box.is_some() {
            subjects.extend([Subject::Vni, Subject::Cards, Subject::Bridge, Subject::Tunnel]);
        } else if subjects.is_empty() {
            subjects.extend([Subject::Vni, Subject::Loopback, Subject::Veth, Subject::Partition, Subject::Alone]);
        }
        if self.against_virtio && !subjects.contains(&Subject::VirtioNet) {
            subjects.push(Subject::VirtioNet);
        }
        BenchSpec {
            pair: self.pair.clone(),
            metrics: if self.only.is_empty() { Metric::value_variants().to_vec() } else { self.only.clone() },
            subjects,
            rounds: self.rounds.unwrap_or(rounds),
            duration: Duration::from_secs(self.seconds.unwrap_or(seconds)),
            extent,
        }
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (from, to) = text.split_once(':').ok_or("expected FROM:TO, the names of two partitions")?;
    Ok((from.to_owned(), to.to_owned()))
}
