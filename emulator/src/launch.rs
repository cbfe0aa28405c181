//! From a box file to a running machine: planned first, so that every mistake shows before anything starts.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use emulator::launch::{LaunchOptions, launch};
//! use emulator::source::Source;
//! use std::time::Duration;
//!
//! let source = Source::read("examples/two-linux.toml".as_ref())?;
//! let running = launch(&source, "target/sprig/sprig-boot.elf".as_ref(), LaunchOptions::default())?;
//! running.log().wait_for(" leave: ", Duration::from_secs(60))?;
//! let web = running.console("web").expect("a partition of the file");
//! web.wait_for("sprig-report: ", Duration::from_secs(60))?;
//! # Ok(()) }
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use partitioner::diagnostic::Diagnostic;
use partitioner::inventory::{Inventory, SerialPort};
use partitioner::plan::Plan;
use regex::bytes::Regex;

use crate::console::{Console, WaitError};
use crate::emulated::EmulatedMachine;
use crate::host;
use crate::iso::{self, IsoError};
use crate::output_file::{OutputError, OutputFile, require_writable};
use crate::qemu::{
    self, Accelerator, Attachment, Boot, ConsoleSpec, Emulator, Firmware, Machine, MachineSpec, PrivateFolder, Sharing,
};
use crate::session::LogLine;
use crate::source::{BoxFileError, Source};

/// The name of the console with the boot image's log.
pub const LOG: &str = "sprig";

/// How the boot image comes into the machine.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum Medium {
    /// QEMU loads it, without a boot loader.
    #[default]
    Pvh,
    /// GRUB loads it.
    Iso {
        /// What starts GRUB.
        firmware: Firmware,
        /// What it lies on.
        attachment: Attachment,
        /// The medium, if it has been made before.
        image: Option<PathBuf>,
    },
}

/// How a box is to be run. By default: without a boot loader, on the smallest machine that the box needs, without logs.
#[derive(Default)]
pub struct LaunchOptions {
    /// How the boot image comes into the machine.
    pub medium: Medium,
    /// The machine, if it is not the smallest that the box needs.
    pub machine: Option<EmulatedMachine>,
    /// How its processors run, if not in the best way that works here.
    pub accelerator: Option<Accelerator>,
    /// What its processors are, as QEMU's `-cpu` takes it, instead of all that the accelerator can do.
    pub processor: Option<String>,
    /// The folder in which every console is logged: `<partition>.log`, and `sprig.log` for the boot image.
    pub logs: Option<PathBuf>,
    /// Whether this process sees the machine's memory.
    pub sharing: Sharing,
    /// Further arguments for QEMU, as they stand.
    pub arguments: Vec<String>,
    /// What the box is planned for, where further arguments make the machine another one.
    pub inventory: Option<Inventory>,
}

/// A box that runs until it is dropped.
pub struct RunningBox {
    machine: Machine,
    accelerator: Accelerator,
    emulated: EmulatedMachine,
    plan: Plan,
    /// Holds the logs' folder against other runs.
    _logs: Option<File>,
}

/// Why a box does not run.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The plan is refused.
    #[error(transparent)]
    Refused(#[from] BoxFileError),
    /// The medium.
    #[error(transparent)]
    Iso(#[from] IsoError),
    /// A file of this run.
    #[error("cannot write {}: {error}", path.display())]
    File {
        /// The path.
        path: PathBuf,
        /// The operating system's error.
        error: io::Error,
    },
    /// The folder of the logs.
    #[error("cannot log the consoles in {}: {error}\n  help: name another folder with --logs", path.display())]
    Logs {
        /// The folder.
        path: PathBuf,
        /// The operating system's error.
        error: io::Error,
    },
    /// A log file cannot be what is there.
    #[error("{0}\n  help: name another folder with --logs")]
    Log(#[source] OutputError),
    /// Another run logs there.
    #[error("another run logs its consoles in {}\n  help: end it, or name another folder with --logs", path.display())]
    LogsInUse {
        /// The log folder.
        path: PathBuf,
    },
    /// The machine itself.
    #[error(transparent)]
    Machine(#[from] qemu::StartError),
    /// A kernel cannot be alone.
    #[error("{partition} has no initial file system for a machine of its own")]
    NoInitrd {
        /// The partition's name.
        partition: String,
    },
}

/// Why no kernel runs in a box.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The boot image refused.
    #[error("the boot image stopped at {0}")]
    Stopped(String),
    /// It says nothing.
    #[error(transparent)]
    Silent(#[from] WaitError),
}

impl LaunchOptions {
    /// On this machine.
    pub fn on(machine: EmulatedMachine) -> Self {
        Self { machine: Some(machine), ..Self::default() }
    }

    /// With further arguments for QEMU.
    #[must_use]
    pub fn arguments(mut self, arguments: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }
}

/// Plans, makes what is booted, and starts the machine. When this returns, the boot image may not have printed anything yet.
///
/// # Errors
/// Every mistake in the box file; anything that is missing here; a machine that does not start.
pub fn launch(source: &Source, boot_image: &Path, options: LaunchOptions) -> Result<RunningBox, LaunchError> {
    let machine = options.machine.unwrap_or_else(|| EmulatedMachine::needed_by(source.request()));
    let plan = source.plan(&options.inventory.unwrap_or_else(|| machine.inventory()))?;
    source.require(host::check(&machine))?;
    let accelerator = accelerator(options.accelerator, &plan);
    let held = options.logs.as_deref().map(hold).transpose()?;
    let names = console_names(&plan, &machine);
    for name in options.logs.iter().flat_map(|logs| names.iter().map(|name| log_path(logs, name))) {
        OutputFile::new(&name, source.inputs()).map_err(LaunchError::Log)?;
    }
    let folder = PrivateFolder::new().map_err(|error| LaunchError::File { path: std::env::temp_dir(), error })?;
    let boot = options.medium.prepare(source, boot_image, folder.path())?;
    let log = |name: &str| options.logs.as_ref().map(|logs| log_path(logs, name));
    let consoles = names.into_iter().map(|name| ConsoleSpec { log: log(&name), name });
    let defaults = MachineSpec::new(boot);
    let spec = MachineSpec {
        emulator: Emulator::find(Some(boot_image)),
        cpus: machine.cpus,
        memory: machine.memory,
        sharing: options.sharing,
        consoles: consoles.collect(),
        accelerator,
        processor: options.processor.unwrap_or(defaults.processor),
        arguments: machine.device_arguments().chain(options.arguments).collect(),
        folder: Some(folder),
        ..defaults
    };
    Ok(RunningBox { machine: spec.start()?, accelerator, emulated: machine, plan, _logs: held })
}

fn log_path(logs: &Path, name: &str) -> PathBuf {
    logs.join(format!("{name}.log"))
}

/// How the machine's processors run: a plan with devices asks for more care.
fn accelerator(wanted: Option<Accelerator>, plan: &Plan) -> Accelerator {
    let has_devices = plan.partitions.iter().any(|partition| !partition.buses.is_empty());
    let accelerator = wanted.unwrap_or_else(Accelerator::best);
    if has_devices { accelerator.for_devices() } else { accelerator }
}

impl Medium {
    /// Makes in `folder` what the machine boots.
    fn prepare(&self, source: &Source, boot_image: &Path, folder: &Path) -> Result<Boot, LaunchError> {
        match self {
            Self::Pvh => {
                let archive = folder.join("bundle.cpio");
                let error = |error| LaunchError::File { path: archive.clone(), error };
                let file = File::create(&archive).map_err(error)?;
                source.bundle()?.write_cpio(BufWriter::new(file)).map_err(error)?;
                Ok(Boot::Kernel { image: boot_image.into(), initrd: Some(archive), command_line: String::new() })
            }
            Self::Iso { firmware, attachment, image } => {
                let iso = match image {
                    Some(image) => {
                        require_unchanged(source, image)?;
                        fs::canonicalize(image).map_err(|error| LaunchError::File { path: image.clone(), error })?
                    }
                    None => {
                        let made = folder.join("box.iso");
                        iso::write(&source.bundle()?, boot_image, &made)?;
                        made
                    }
                };
                Ok(Boot::Medium { firmware: *firmware, attachment: *attachment, iso })
            }
        }
    }
}

impl RunningBox {
    /// The plan made on the host. The boot image plans again, with the same code.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How QEMU runs its processors.
    pub fn accelerator(&self) -> Accelerator {
        self.accelerator
    }

    /// Waits until the boot image has started all kernels, unless `stop` becomes true before.
    ///
    /// # Errors
    /// If it refuses, or is not done within `limit`.
    pub fn await_start(&self, limit: Duration, stop: &AtomicBool) -> Result<(), BootError> {
        let line = Regex::new(r"(?m)^sprig +\d+\.\d+ (?:leave: |FAILED [^\r\n]*)").expect("a regular expression");
        let found = self.log().wait_unless(stop, line, limit)?;
        match LogLine::read(&found.text) {
            LogLine::Failed { what } => Err(BootError::Stopped(what.to_owned())),
            _ => Ok(()),
        }
    }

    /// The log of the boot image.
    pub fn log(&self) -> &Console {
        &self.machine.consoles()[0]
    }

    /// The console of a partition, if it has one.
    pub fn console(&self, partition: &str) -> Option<&Console> {
        let planned = self.plan.partitions.iter().find(|planned| planned.name == partition)?;
        self.console_at(planned.console?)
    }

    /// The console at a port.
    pub fn console_at(&self, port: SerialPort) -> Option<&Console> {
        self.machine.consoles().get(self.port_number(port)?)
    }

    /// The place of a port among [`Machine::consoles`].
    pub fn port_number(&self, port: SerialPort) -> Option<usize> {
        self.emulated.ports().position(|other| other == port)
    }

    /// The machine, to wait for its end.
    pub fn machine_mut(&mut self) -> &mut Machine {
        &mut self.machine
    }

    /// The machine.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }
}

/// Keeps a folder for one run's logs: a second run would empty the first one's files.
fn hold(logs: &Path) -> Result<File, LaunchError> {
    let error = |error| LaunchError::Logs { path: logs.to_owned(), error };
    fs::create_dir_all(logs).map_err(error)?;
    let folder = File::open(logs).map_err(error)?;
    require_writable(logs).map_err(error)?;
    match folder.try_lock() {
        Err(TryLockError::WouldBlock) => Err(LaunchError::LogsInUse { path: logs.to_owned() }),
        // Where a file system knows no locks, runs are not kept apart.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(folder),
    }
}

/// The names of the consoles in the order of the ports: the log, and whoever has each of the others.
fn console_names(plan: &Plan, machine: &EmulatedMachine) -> Vec<String> {
    let name_of = |(number, port)| {
        let owner = plan.partitions.iter().find(|partition| partition.console == Some(port));
        match owner {
            _ if number == 0 => LOG.to_owned(),
            // The name is that of a log file too, so it must be no partition's: these have no underscores.
            Some(owner) if owner.name == LOG => format!("{LOG}_partition"),
            Some(owner) => owner.name.clone(),
            None => format!("unused_port_{number}"),
        }
    };
    machine.ports().enumerate().map(name_of).collect()
}

/// The medium must hold the very box file and images that have just been planned, or what was planned is not what
/// comes up.
fn require_unchanged(source: &Source, image: &Path) -> Result<(), LaunchError> {
    let made_from = iso::manifest(image)?;
    let now = source.bundle()?.manifest().to_string();
    let mut lines = made_from.lines().zip(now.lines());
    let (code, difference) = match lines.find(|(made, now)| made != now) {
        Some((made, _)) if made.starts_with("box ") => {
            ("box-file-changed", "the box file has changed since".to_owned())
        }
        Some((made, now)) => ("image-changed", format!("it has `{made}`, and now there is `{now}`")),
        None if made_from.len() != now.len() => ("image-changed", "it has other images".to_owned()),
        None => return Ok(()),
    };
    let (image, file) = (image.display(), source.path().display());
    let message = format!("{image} was not made from what is here now: {difference}");
    let help = format!("make it anew: sprig image {file} -o {image}");
    Err(source.error(vec![Diagnostic::new(code, message, Vec::new(), help)]).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_folder_takes_the_logs_of_one_run() {
        let parent = tempfile::tempdir().unwrap();
        let logs = parent.path().join("logs");
        let held = hold(&logs).unwrap();
        assert!(matches!(hold(&logs), Err(LaunchError::LogsInUse { .. })));
        drop(held);
        assert!(hold(&logs).is_ok());
    }
}
