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
mod builder;
mod channels;
mod emulator;
mod firmware;
mod folder;
mod qmp;

use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

pub use self::accelerator::Accelerator;
pub use self::builder::MachineBuilder;
use self::channels::ControlSocket;
pub use self::emulator::{Emulator, Version};
pub(crate) use self::firmware::option_value;
pub use self::firmware::{Attachment, Boot, Firmware, FirmwareError};
pub use self::folder::PrivateFolder;
pub use self::qmp::{Qmp, QmpError};
use crate::console::Console;

/// The I/O ports of the serial ports that a PC has at known places, in the order in which consoles get them.
pub const SERIAL_PORTS: [u16; 4] = [0x3f8, 0x2f8, 0x3e8, 0x2e8];

/// How long QEMU may take from its start until it has opened all that goes between it and us.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// A machine that runs until it is dropped.
pub struct Machine {
    // Dropped in this order: the process is ended by `Drop` before its folder goes.
    child: Child,
    consoles: Vec<Console>,
    qmp: Option<UnixStream>,
    started: Instant,
    folder: PrivateFolder,
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
    /// QEMU is missing, or what it is made of.
    #[error("cannot start `{}`: {said}\n  help: {}", emulator.program().display(), emulator.help())]
    NoEmulator {
        /// Which.
        emulator: Emulator,
        /// What the system says.
        said: String,
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
        wait_for_end(&mut self.child, limit)
    }

    /// What QEMU itself said.
    pub fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("qemu.log")).unwrap_or_default()
    }

    fn accept(&mut self, socket: &ControlSocket, said: &Path, emulator: &Emulator) -> Result<UnixStream, StartError> {
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
        let status = self.child.wait().map_err(file_error("wait for", emulator.program()))?;
        // 127 is how `setpriv`, a shell and the dynamic linker say that something to be run is not there.
        if status.code() == Some(127) {
            return Err(StartError::NoEmulator { emulator: emulator.clone(), said: self.said().trim_end().to_owned() });
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

fn wait_for_end(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    if let Some(status) = child.try_wait()? {
        return Ok(Some(status));
    }
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let limit = Timespec { tv_sec: limit.as_secs().cast_signed(), tv_nsec: i64::from(limit.subsec_nanos()) };
    poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit))?;
    child.try_wait()
}

fn file_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StartError {
    let path = path.to_owned();
    move |error| StartError::File { what, path, error }
}
