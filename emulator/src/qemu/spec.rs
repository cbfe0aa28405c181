//! What machine is wanted, and the QEMU command line that makes it.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::accelerator::Accelerator;
use super::channels::{Channels, SerialEnds};
use super::emulator::Emulator;
use super::firmware::Boot;
use super::folder::PrivateFolder;
use super::machine::{Control, Machine};
use super::memory::{self, Sharing};
use super::qmp::{Qmp, QmpError};
use super::start_error::{StartError, file_error};
use crate::console::{Console, ConsoleLog};

/// The I/O ports of the serial ports that a PC has at known places, in the order in which consoles get them.
pub const SERIAL_PORTS: [u16; 4] = [0x3f8, 0x2f8, 0x3e8, 0x2e8];

/// How long QEMU may take from the end of its control connection to its own end.
const END_LIMIT: Duration = Duration::from_secs(5);

/// What machine is wanted.
pub struct MachineSpec {
    /// What it boots.
    pub boot: Boot,
    /// The program that emulates it.
    pub emulator: Emulator,
    /// How many processors.
    pub cpus: u32,
    /// Bytes of memory, in whole MiB.
    pub memory: u64,
    /// Whether this process sees that memory.
    pub sharing: Sharing,
    /// One serial port each: the first four at [`SERIAL_PORTS`], further ones on PCI cards.
    pub consoles: Vec<ConsoleSpec>,
    /// How its processors run.
    pub accelerator: Accelerator,
    /// What its processors are, as QEMU's `-cpu` takes it.
    pub processor: String,
    /// Further arguments for QEMU, as they stand.
    pub arguments: Vec<String>,
    /// The folder in which the machine's images lie. It is removed when the machine ends.
    pub folder: Option<PrivateFolder>,
}

/// A serial port and where its output goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsoleSpec {
    /// The name by which [`Machine::console`] finds it.
    pub name: String,
    /// The file to which everything is written as it comes.
    pub log: Option<PathBuf>,
}

impl ConsoleSpec {
    /// A console without a log file.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), log: None }
    }
}

impl MachineSpec {
    /// A machine of one processor and 512 MiB, without consoles, on the best accelerator that works here. Its processor
    /// has all that the accelerator can do.
    pub fn new(boot: Boot) -> Self {
        Self {
            boot,
            emulator: Emulator::find(None),
            cpus: 1,
            memory: 512 << 20,
            sharing: Sharing::Private,
            consoles: Vec::new(),
            accelerator: Accelerator::best(),
            processor: "max".to_owned(),
            arguments: Vec::new(),
            folder: None,
        }
    }

    /// Starts QEMU, and waits until every console is connected and the machine runs.
    ///
    /// QEMU is ended when the *thread* that calls this ends without dropping the machine.
    ///
    /// # Errors
    /// If a program or a file is missing, or QEMU refuses its command line; with QEMU's message.
    pub fn start(mut self) -> Result<Machine, StartError> {
        if !self.emulator.exists() {
            let output = "there is no such program".to_owned();
            return Err(StartError::NoEmulator { emulator: self.emulator, output });
        }
        let folder = match self.folder.take() {
            Some(folder) => folder,
            None => PrivateFolder::new().map_err(file_error("make a folder in", &std::env::temp_dir()))?,
        };
        let channels = Channels::make(folder.path(), self.consoles.len())?;
        let log = folder.path().join("qemu.log");
        let started = Instant::now();
        let memory = self.sharing.make(self.memory)?;
        let child = self.spawn(&channels, folder.path(), &log, memory.as_ref())?;
        let mut machine = Machine { child, consoles: Vec::new(), control: Control::default(), started, folder, memory };
        let control = machine.accept(&channels.control, &log, &self.emulator)?;
        match Qmp::greet(control) {
            Ok(qmp) => *machine.control.lock() = Some(qmp),
            // QEMU opens the channels before it looks at disks and devices.
            Err(QmpError::Ended(_) | QmpError::Connection(_)) if machine.ends_within(END_LIMIT) => {
                return Err(machine.ended_at_once(&self.emulator)?);
            }
            Err(error) => return Err(error.into()),
        }
        for (pipes, spec) in channels.ports.into_iter().zip(&self.consoles) {
            machine.consoles.push(attach(pipes.into_ends(), spec)?);
        }
        Ok(machine)
    }

    fn spawn(
        &self,
        channels: &Channels,
        folder: &Path,
        log: &Path,
        memory: Option<&File>,
    ) -> Result<Child, StartError> {
        let output = File::create(log).map_err(file_error("create", log))?;
        let copy = output.try_clone().map_err(file_error("create", log))?;
        // `setpriv` asks the kernel to kill QEMU when this process dies, and then executes QEMU.
        Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(self.emulator.program())
            .args(self.command_line(channels, folder)?)
            .args(memory.into_iter().flat_map(|file| memory::arguments(file, self.memory)))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(copy)
            // A process group of its own, so that a terminal's Ctrl-C reaches this process alone, which then ends QEMU.
            .process_group(0)
            .spawn()
            .map_err(|error| StartError::Program { program: "setpriv", package: "util-linux", error })
    }

    fn command_line(&self, channels: &Channels, folder: &Path) -> Result<Vec<String>, StartError> {
        let mut arguments = self.board();
        for (number, pipes) in channels.ports.iter().enumerate() {
            let id = format!("port{number}");
            arguments.extend(["-chardev".to_owned(), pipes.chardev(&id)]);
            arguments.extend(match number {
                number if number < SERIAL_PORTS.len() => ["-serial".to_owned(), format!("chardev:{id}")],
                _ => ["-device".to_owned(), format!("pci-serial,chardev={id}")],
            });
        }
        // QEMU opens channels in this order, whatever stands between them.
        arguments.extend(["-chardev".to_owned(), channels.control.chardev("control")]);
        arguments.extend(["-mon", "chardev=control,mode=control"].map(str::to_owned));
        arguments.extend(self.boot.arguments(folder)?);
        arguments.extend(self.arguments.iter().cloned());
        Ok(arguments)
    }

    fn board(&self) -> Vec<String> {
        let fixed = ["-machine", "q35", "-display", "none", "-no-reboot", "-nodefaults"];
        let chosen = [
            ("-cpu", self.processor.clone()),
            ("-accel", self.accelerator.argument().to_owned()),
            ("-smp", self.cpus.to_string()),
            ("-m", format!("{}M", self.memory >> 20)),
        ];
        let chosen = chosen.into_iter().flat_map(|(option, value)| [option.to_owned(), value]);
        fixed.into_iter().map(str::to_owned).chain(chosen).collect()
    }
}

fn attach(ends: SerialEnds, spec: &ConsoleSpec) -> Result<Console, StartError> {
    let log = match &spec.log {
        Some(path) => {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(file_error("make the folder", folder))?;
            }
            Some(ConsoleLog::create(path).map_err(file_error("create the log", path))?)
        }
        None => None,
    };
    let console = Console::attach(&spec.name, ends.reader, ends.writer, log);
    console.map_err(file_error("read the console", Path::new(&spec.name)))
}
