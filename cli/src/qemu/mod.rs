//! The emulated machine: QEMU's q35 with so many processors, so much memory, and a console for every serial port.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use cli::qemu::{Boot, MachineBuilder};
//! use std::time::Duration;
//!
//! let boot = Boot::Kernel { image: "vmlinuz".into(), initrd: None, command_line: "console=ttyS0".into() };
//! let machine = MachineBuilder::new(boot).cpus(4).memory(1 << 30).console("log").start()?;
//! machine.console("log").expect("it was asked for").wait_for("Linux version", Duration::from_secs(60))?;
//! # Ok(()) }
//! ```
//!
//! A [`Machine`] owns everything that it made: dropping it ends QEMU and removes its private folder. If this process
//! dies without dropping anything, the kernel ends QEMU (`PR_SET_PDEATHSIG`).

mod accelerator;
mod firmware;
mod qmp;

use std::fs::{self, File};
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tempfile::TempDir;

pub use self::accelerator::Accelerator;
pub use self::firmware::{Attachment, Boot, Firmware, FirmwareError};
pub use self::qmp::{Qmp, QmpError};
use crate::console::Console;

/// The I/O ports of the serial ports that a PC has at known places, in the order in which consoles get them.
pub const SERIAL_PORTS: [u16; 4] = [0x3f8, 0x2f8, 0x3e8, 0x2e8];

/// How long QEMU may take from its start until it has connected to all sockets.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
const QEMU: &str = "qemu-system-x86_64";

/// What machine is wanted.
pub struct MachineBuilder {
    boot: Boot,
    cpus: u32,
    memory: u64,
    consoles: Vec<ConsoleWish>,
    accelerator: Accelerator,
    arguments: Vec<String>,
    folder: Option<TempDir>,
}

struct ConsoleWish {
    name: String,
    log: Option<PathBuf>,
}

/// A machine that runs until it is dropped.
pub struct Machine {
    // Dropped in this order: the process is ended by `Drop` before its folder goes.
    child: Child,
    consoles: Vec<Console>,
    qmp: Option<UnixStream>,
    started: Instant,
    folder: TempDir,
}

/// Why there is no machine.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A program is missing.
    #[error("cannot start `{program}`: {error}; install the package `{package}`")]
    Program {
        /// Which.
        program: &'static str,
        /// What holds it on Debian.
        package: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// A file or socket of ours.
    #[error("cannot {what} {}: {error}", path.display())]
    File {
        /// What was to be done.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The firmware.
    #[error(transparent)]
    Firmware(#[from] FirmwareError),
    /// It ended at once.
    #[error("QEMU ended at once ({status}):\n{said}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// What it said.
        said: String,
    },
    /// It does not connect.
    #[error("QEMU did not connect to {} within {} s:\n{said}", socket.display(), CONNECT_LIMIT.as_secs())]
    Silent {
        /// To which.
        socket: PathBuf,
        /// What it said.
        said: String,
    },
}

impl MachineBuilder {
    /// A machine of one processor and 512 MiB, without consoles, on the best accelerator that works here.
    pub fn new(boot: Boot) -> Self {
        let accelerator = Accelerator::best();
        Self {
            boot,
            cpus: 1,
            memory: 512 << 20,
            consoles: Vec::new(),
            accelerator,
            arguments: Vec::new(),
            folder: None,
        }
    }

    /// How many processors.
    #[must_use]
    pub fn cpus(mut self, cpus: u32) -> Self {
        self.cpus = cpus;
        self
    }

    /// Bytes of memory, in whole MiB.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// One more serial port: the first four at [`SERIAL_PORTS`], further ones on PCI cards.
    #[must_use]
    pub fn console(mut self, name: &str) -> Self {
        self.consoles.push(ConsoleWish { name: name.to_owned(), log: None });
        self
    }

    /// One more serial port, all of which is written to `log` as it comes.
    #[must_use]
    pub fn logged_console(mut self, name: &str, log: PathBuf) -> Self {
        self.consoles.push(ConsoleWish { name: name.to_owned(), log: Some(log) });
        self
    }

    /// Runs the processors in this way.
    #[must_use]
    pub fn accelerator(mut self, accelerator: Accelerator) -> Self {
        self.accelerator = accelerator;
        self
    }

    /// A further argument for QEMU, as it stands.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Hands over the folder in which the machine's images lie, to go when the machine goes.
    #[must_use]
    pub fn owning(mut self, folder: TempDir) -> Self {
        self.folder = Some(folder);
        self
    }

    /// Starts QEMU and waits until every console is connected.
    ///
    /// QEMU is ended when the *thread* that calls this ends without dropping the machine.
    ///
    /// # Errors
    /// If a program or a file is missing, or QEMU refuses; with what it said.
    pub fn start(mut self) -> Result<Machine, StartError> {
        let folder = match self.folder.take() {
            Some(folder) => folder,
            None => private_folder()?,
        };
        let sockets: Vec<Socket> =
            (0..=self.consoles.len()).map(|number| Socket::listen(folder.path(), number)).collect::<Result<_, _>>()?;
        let said = folder.path().join("qemu.log");
        let started = Instant::now();
        let child = self.spawn(&sockets, folder.path(), &said)?;
        let mut machine = Machine { child, consoles: Vec::new(), qmp: None, started, folder };
        for (socket, wish) in sockets.iter().zip(&self.consoles) {
            let stream = machine.accept(socket, &said)?;
            machine.consoles.push(attach(stream, wish)?);
        }
        machine.qmp = Some(machine.accept(&sockets[self.consoles.len()], &said)?);
        Ok(machine)
    }

    fn spawn(&self, sockets: &[Socket], folder: &Path, said: &Path) -> Result<Child, StartError> {
        let log = File::create(said).map_err(file_error("create", said))?;
        let copy = log.try_clone().map_err(file_error("create", said))?;
        // `setpriv` asks the kernel to end QEMU when we die, and becomes QEMU.
        Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", QEMU])
            .args(self.command_line(sockets, folder)?)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(copy)
            // A group of its own, so that a terminal's Ctrl-C reaches us alone and the end is in order.
            .process_group(0)
            .spawn()
            .map_err(|error| StartError::Program { program: "setpriv", package: "util-linux", error })
    }

    fn command_line(&self, sockets: &[Socket], folder: &Path) -> Result<Vec<String>, StartError> {
        let mut arguments = self.board();
        for (number, socket) in sockets.iter().enumerate() {
            arguments.push("-chardev".to_owned());
            arguments.push(format!("socket,id=port{number},path={}", firmware::option_value(&socket.path)));
            arguments.extend(match number {
                number if number == self.consoles.len() => {
                    ["-mon".to_owned(), format!("chardev=port{number},mode=control")]
                }
                number if number < SERIAL_PORTS.len() => ["-serial".to_owned(), format!("chardev:port{number}")],
                number => ["-device".to_owned(), format!("pci-serial,chardev=port{number}")],
            });
        }
        arguments.extend(self.boot.arguments(folder)?);
        arguments.extend(self.arguments.iter().cloned());
        Ok(arguments)
    }

    fn board(&self) -> Vec<String> {
        let fixed = ["-machine", "q35", "-cpu", "max", "-display", "none", "-no-reboot", "-nodefaults"];
        let chosen = [
            ("-accel", self.accelerator.argument().to_owned()),
            ("-smp", self.cpus.to_string()),
            ("-m", format!("{}M", self.memory >> 20)),
        ];
        let chosen = chosen.into_iter().flat_map(|(option, value)| [option.to_owned(), value]);
        fixed.into_iter().map(str::to_owned).chain(chosen).collect()
    }
}

/// A folder for the files of one machine.
///
/// # Errors
/// If the system's temporary folder cannot be written to.
pub fn private_folder() -> Result<TempDir, StartError> {
    let error = |error| StartError::File { what: "make a folder in", path: std::env::temp_dir(), error };
    tempfile::Builder::new().prefix("sprig-").tempdir().map_err(error)
}

fn attach(stream: UnixStream, wish: &ConsoleWish) -> Result<Console, StartError> {
    let log = match &wish.log {
        Some(path) => {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(file_error("make the folder", folder))?;
            }
            Some(File::create(path).map_err(file_error("create", path))?)
        }
        None => None,
    };
    Console::attach(&wish.name, stream, log).map_err(file_error("read the console", Path::new(&wish.name)))
}

fn file_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StartError {
    let path = path.to_owned();
    move |error| StartError::File { what, path, error }
}

/// A socket on which we listen before QEMU is there.
struct Socket {
    path: PathBuf,
    listener: UnixListener,
}

impl Socket {
    fn listen(folder: &Path, number: usize) -> Result<Self, StartError> {
        let path = folder.join(format!("port{number}"));
        let listener = UnixListener::bind(&path).map_err(file_error("listen on", &path))?;
        Ok(Self { path, listener })
    }
}

impl Machine {
    /// The console of that name.
    pub fn console(&self, name: &str) -> Option<&Console> {
        self.consoles.iter().find(|console| console.name() == name)
    }

    /// All consoles, in the order of their ports.
    pub fn consoles(&self) -> &[Console] {
        &self.consoles
    }

    /// When QEMU was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The private folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process, to look at.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// The control connection. There is one: the second call gets none.
    ///
    /// # Errors
    /// If QEMU does not greet.
    pub fn take_control(&mut self) -> Result<Option<Qmp>, QmpError> {
        self.qmp.take().map(Qmp::greet).transpose()
    }

    /// Waits until QEMU ends by itself; `None` if it has not within `limit`.
    ///
    /// # Errors
    /// If the process cannot be waited for.
    pub fn wait_for_end(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(Some(status));
        }
        let pid = Pid::from_child(&self.child);
        let process = pidfd_open(pid, PidfdFlags::empty())?;
        let limit = Timespec { tv_sec: limit.as_secs().cast_signed(), tv_nsec: i64::from(limit.subsec_nanos()) };
        poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit))?;
        self.child.try_wait()
    }

    /// What QEMU itself said.
    pub fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("qemu.log")).unwrap_or_default()
    }

    fn accept(&mut self, socket: &Socket, said: &Path) -> Result<UnixStream, StartError> {
        let pid = Pid::from_child(&self.child);
        let process = pidfd_open(pid, PidfdFlags::empty()).map_err(|e| file_error("watch", said)(e.into()))?;
        let mut ready = [PollFd::new(&socket.listener, PollFlags::IN), PollFd::new(&process, PollFlags::IN)];
        let limit = Timespec { tv_sec: CONNECT_LIMIT.as_secs().cast_signed(), tv_nsec: 0 };
        let count = poll(&mut ready, Some(&limit)).map_err(|e| file_error("listen on", &socket.path)(e.into()))?;
        if ready[0].revents().contains(PollFlags::IN) {
            let (stream, _) = socket.listener.accept().map_err(file_error("listen on", &socket.path))?;
            return Ok(stream);
        }
        if count == 0 {
            return Err(StartError::Silent { socket: socket.path.clone(), said: self.said() });
        }
        let status = self.child.wait().map_err(file_error("wait for", Path::new(QEMU)))?;
        // 127 is how `setpriv` says that there is no such program.
        if status.code() == Some(127) {
            let error = io::Error::from(io::ErrorKind::NotFound);
            return Err(StartError::Program { program: QEMU, package: "qemu-system-x86", error });
        }
        Err(StartError::Ended { status, said: self.said() })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Both fail only where the process has ended already, which is all that is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
