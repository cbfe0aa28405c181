//! A box file on disk with the images that it names, and the booted box.

use std::error::Error;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use emulator::launch::{LaunchOptions, RunningBox, launch};
use emulator::source::Source;
use partitioner::address::MemoryRange;
use regex::Regex;
use tempfile::TempDir;

use crate::fixture;
use crate::instance::Instance;
use crate::monitor::Monitor;

/// Limit until the boot image leaves, with all turns, in emulation on a busy host.
pub const LEAVE_LIMIT: Duration = Duration::from_secs(180);

/// A box file, and the images that it names beside it: `vmlinuz-<line>`, `small.img`, `demo.img`.
pub struct Scene {
    folder: TempDir,
    source: Source,
}

impl Scene {
    /// A scene with the box file `text`.
    ///
    /// # Panics
    /// If the box file is refused.
    pub fn new(text: &str) -> Self {
        Self::with(text, &[])
    }

    /// A scene with the box file `text` and further files that it names.
    ///
    /// # Panics
    /// If the box file is refused.
    pub fn with(text: &str, files: &[(&str, &[u8])]) -> Self {
        let folder = TempDir::with_prefix("sprig-test-").expect("a folder for the box");
        for line in fixture::KERNELS {
            symlink(fixture::kernel(line), folder.path().join(format!("vmlinuz-{line}"))).expect("a link to a kernel");
        }
        for image in [fixture::initrd(), fixture::network_initrd()] {
            let name = image.file_name().expect("an initial file system is a file");
            symlink(&image, folder.path().join(name)).expect("a link to an initial file system");
        }
        for (name, content) in files {
            fs::write(folder.path().join(name), content).expect("a file of the box");
        }
        let path = folder.path().join("box.toml");
        fs::write(&path, text).expect("a box file");
        let source = Source::read(&path).unwrap_or_else(|error| panic!("{error}"));
        Self { folder, source }
    }

    /// A scene with partitions of that many cores each, named `p0`, `p1` and so on, on the stable kernel.
    pub fn of_cores(cpus: &[u32]) -> Self {
        let partitions = cpus.iter().enumerate();
        Self::new(&box_file(partitions.map(|(index, cpus)| partition(&format!("p{index}"), fixture::STABLE, *cpus))))
    }

    /// The box file, read.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The folder of its files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it without waiting for anything.
    ///
    /// # Panics
    /// If the machine does not start.
    pub fn start(&self, options: LaunchOptions) -> RunningBox {
        launch(&self.source, &fixture::boot_image(), options).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Boots it on the smallest machine that it needs, and waits until every instance has reported from user space.
    pub fn boot(&self) -> Booted {
        self.boot_with(LaunchOptions::default())
    }

    /// Boots it, and waits until every instance has reported from user space.
    ///
    /// # Panics
    /// If the boot image or an instance does not get that far; the message has its last lines.
    pub fn boot_with(&self, options: LaunchOptions) -> Booted {
        let booted = Booted { running: self.start(options) };
        booted
            .await_start()
            .unwrap_or_else(|error| panic!("{error}\nQEMU said: {:?}", booted.running.machine().qemu_output()));
        booted
    }
}

/// A box of which every instance is in user space.
pub struct Booted {
    running: RunningBox,
}

impl Booted {
    fn await_start(&self) -> Result<(), Box<dyn Error>> {
        self.running.await_start(LEAVE_LIMIT, &AtomicBool::new(false))?;
        let instances = self.instances();
        let mut started = instances.iter().filter(|instance| instance.plan.lifecycle.start);
        started.try_for_each(|instance| instance.try_wait_for_report().map(drop))?;
        Ok(())
    }

    /// The emulator's monitor.
    ///
    /// # Panics
    /// If it was taken before.
    pub fn take_monitor(&mut self) -> Monitor {
        let control = self.running.machine_mut().take_control();
        Monitor::new(control.expect("nobody else controls the emulator"))
    }

    /// The machine and its plan.
    pub fn running(&self) -> &RunningBox {
        &self.running
    }

    /// Every instance in the order of the box file.
    pub fn instances(&self) -> Vec<Instance<'_>> {
        self.running.plan().partitions.iter().map(|partition| self.instance(&partition.name)).collect()
    }

    /// The instance in the partition of that name.
    ///
    /// # Panics
    /// If there is none, or if it has no console.
    pub fn instance(&self, name: &str) -> Instance<'_> {
        let plan = self.running.plan().partitions.iter().find(|partition| partition.name == name);
        let console = self.running.console(name).unwrap_or_else(|| panic!("{name} has no console"));
        Instance::new(plan.expect("a console belongs to a partition"), console, self.memory(name))
    }

    /// The memory of a partition with its slice below 1 MiB, from the boot image's log: with another firmware than the
    /// host assumes, it lies elsewhere.
    fn memory(&self, name: &str) -> Vec<MemoryRange> {
        let line = Regex::new(&format!(r"plan: {name}: cores .*, memory \[(.*)\], low (\S+), console "));
        let log = self.running.log().text();
        let planned =
            line.expect("a regular expression").captures(&log).unwrap_or_else(|| panic!("no plan of {name}:\n{log}"));
        planned[1].split(", ").chain([&planned[2]]).map(range).collect()
    }
}

/// A range as the log writes it, both ends inclusive.
fn range(text: &str) -> MemoryRange {
    let number = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).ok();
    let ends = text.split_once('-').and_then(|(start, end)| Some((number(start)?, number(end)?)));
    let range = ends.and_then(|(start, end)| MemoryRange::new(start, end + 1));
    range.unwrap_or_else(|| panic!("{text:?} is no range"))
}

/// A box file of these partitions.
pub fn box_file(partitions: impl IntoIterator<Item = String>) -> String {
    let partitions: String = partitions.into_iter().collect();
    format!("[box]\nname = \"test\"\nshared_memory = \"16MiB\"\n{partitions}")
}

/// One partition of 256 MiB on a kernel of that line.
pub fn partition(name: &str, line: &str, cpus: u32) -> String {
    partition_of(name, line, cpus, "256MiB")
}

/// One partition of 256 MiB on a kernel of that line, with a network.
pub fn networked(name: &str, line: &str, cpus: u32) -> String {
    networked_of(name, line, cpus, "256MiB")
}

/// One partition with a network.
pub fn networked_of(name: &str, line: &str, cpus: u32, memory: &str) -> String {
    partition_of(name, line, cpus, memory).replace("small.img", "demo.img")
}

/// One partition, without a network.
pub fn partition_of(name: &str, line: &str, cpus: u32, memory: &str) -> String {
    format!(
        "\n[[partition]]\nname = \"{name}\"\ncpus = {cpus}\nmemory = \"{memory}\"\nkernel = \"vmlinuz-{line}\"\n\
         initrd = \"small.img\"\n"
    )
}
