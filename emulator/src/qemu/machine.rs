//! A running QEMU, its consoles and its control connection.

use std::fs::{self, File};
use std::io;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::channels::ControlSocket;
use super::emulator::Emulator;
use super::folder::PrivateFolder;
use super::process;
use super::qmp::{Qmp, QmpError, Shutdown};
use super::start_error::{CONNECT_LIMIT, StartError, file_error};
use crate::console::Console;

/// A machine that runs until it is dropped.
pub struct Machine {
    // Dropped in this order: the process is ended by `Drop` before its folder goes.
    pub(super) child: Child,
    pub(super) consoles: Vec<Console>,
    pub(super) control: Control,
    pub(super) started: Instant,
    pub(super) folder: PrivateFolder,
    /// Its memory, if this process shares it.
    pub(super) memory: Option<File>,
}

/// The control connection, until somebody takes it.
#[derive(Clone, Default)]
pub(super) struct Control(Arc<Mutex<Option<Qmp>>>);

impl Control {
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Qmp>> {
        // Whoever panicked with it has at most left an answer unread.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The line by which a chipset sends NMIs to all processors that listen to it; any thread may use it.
#[derive(Clone)]
pub struct NmiLine(Control);

/// Why no NMI was sent.
#[derive(Debug, thiserror::Error)]
pub enum NmiError {
    /// Somebody has taken the control connection, or the machine has ended.
    #[error("the machine is not controlled from here any more")]
    NoControl,
    /// QEMU has not done it.
    #[error(transparent)]
    Control(#[from] QmpError),
}

impl NmiLine {
    /// Sends one.
    ///
    /// # Errors
    /// If QEMU is gone, refuses, or does not answer.
    pub fn pulse(&self) -> Result<(), NmiError> {
        let mut control = self.0.lock();
        let qmp = control.as_mut().ok_or(NmiError::NoControl)?;
        qmp.execute("inject-nmi", &serde_json::json!({}))?;
        Ok(())
    }
}

/// How a machine ended by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MachineEnd {
    /// A kernel powered it off.
    PoweredOff,
    /// A kernel or a triple fault reset it. QEMU runs with `-no-reboot`, so that ends it.
    Reset,
    /// This signal killed QEMU.
    Killed(i32),
    /// Somebody asked QEMU to end: by a signal that it handles, or by its control connection.
    Terminated,
    /// QEMU ended with this status, for a reason of its own.
    Failed(ExitStatus),
}

impl MachineEnd {
    fn of(status: ExitStatus, shutdown: Option<Shutdown>) -> Self {
        match (status.signal(), shutdown) {
            (Some(signal), _) => Self::Killed(signal),
            (None, Some(Shutdown::PowerOff)) if status.success() => Self::PoweredOff,
            (None, Some(Shutdown::Reset)) if status.success() => Self::Reset,
            (None, Some(Shutdown::Host)) if status.success() => Self::Terminated,
            (None, _) => Self::Failed(status),
        }
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

    /// The process ID of QEMU.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Takes the control connection. There is one, so the second call returns `None`.
    pub fn take_control(&mut self) -> Option<Qmp> {
        self.control.lock().take()
    }

    /// The line by which its processors get NMIs, for as long as nobody takes the control connection.
    pub fn nmi_line(&self) -> NmiLine {
        NmiLine(self.control.clone())
    }

    /// Its memory from address 0 on, as far as that is below PCI's, if it was to be shared.
    pub fn memory(&self) -> Option<&File> {
        self.memory.as_ref()
    }

    /// Waits until QEMU ends by itself, and returns how; `None` if it has not within `limit`.
    ///
    /// # Errors
    /// If the process cannot be waited for.
    pub fn wait_for_machine_end(&mut self, limit: Duration) -> io::Result<Option<MachineEnd>> {
        let Some(status) = self.wait_for_end(limit)? else { return Ok(None) };
        let shutdown = self.take_control().and_then(Qmp::into_shutdown);
        Ok(Some(MachineEnd::of(status, shutdown)))
    }

    /// Waits until QEMU ends by itself; `None` if it has not within `limit`.
    ///
    /// # Errors
    /// If the process cannot be waited for.
    pub fn wait_for_end(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        process::wait_for_end(&mut self.child, limit)
    }

    /// What QEMU itself has printed.
    pub fn qemu_output(&self) -> String {
        fs::read_to_string(self.folder.path().join("qemu.log")).unwrap_or_default()
    }

    /// Waits until QEMU has connected to its control socket, which it does when all its channels are open.
    pub(super) fn accept(
        &mut self,
        socket: &ControlSocket,
        log: &Path,
        emulator: &Emulator,
    ) -> Result<UnixStream, StartError> {
        let pid = Pid::from_child(&self.child);
        let process = pidfd_open(pid, PidfdFlags::empty()).map_err(|e| file_error("watch", log)(e.into()))?;
        let mut ready = [PollFd::new(&socket.listener, PollFlags::IN), PollFd::new(&process, PollFlags::IN)];
        let limit = Timespec { tv_sec: CONNECT_LIMIT.as_secs().cast_signed(), tv_nsec: 0 };
        let count = retry_on_intr(|| poll(&mut ready, Some(&limit)))
            .map_err(|e| file_error("listen on", &socket.path)(e.into()))?;
        if ready[0].revents().contains(PollFlags::IN) {
            let (stream, _) = socket.listener.accept().map_err(file_error("listen on", &socket.path))?;
            return Ok(stream);
        }
        if count == 0 {
            return Err(StartError::Silent { socket: socket.path.clone(), output: self.qemu_output() });
        }
        Err(self.ended_at_once(emulator)?)
    }

    /// Whether QEMU ends within `limit`.
    pub(super) fn ends_within(&mut self, limit: Duration) -> bool {
        self.wait_for_end(limit).is_ok_and(|status| status.is_some())
    }

    /// The error for a QEMU that has ended, or is about to, before its machine ran.
    pub(super) fn ended_at_once(&mut self, emulator: &Emulator) -> Result<StartError, StartError> {
        let status = self.child.wait().map_err(file_error("wait for", emulator.program()))?;
        // `setpriv`, shells and the dynamic linker exit with 127 if the program or one of its libraries is
        // missing, and with 126 if it cannot be executed.
        if matches!(status.code(), Some(126 | 127)) {
            let output = self.qemu_output().trim_end().to_owned();
            return Ok(StartError::NoEmulator { emulator: emulator.clone(), output });
        }
        Ok(StartError::Ended { status, output: self.qemu_output() })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Both fail only if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
