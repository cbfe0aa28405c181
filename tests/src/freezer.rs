//! Emulated cores that stand still while others run, by QEMU's debugger port ("GDB Remote Serial Protocol", in GDB's
//! manual).
//!
//! To the other instances, a core that a debugger holds looks like a frozen kernel: it writes nothing any more, and
//! does not announce it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long QEMU may take for an answer.
const LIMIT: Duration = Duration::from_secs(30);
/// The byte that stops a running machine.
const STOP: u8 = 0x03;

/// A machine's debugger port.
pub struct Freezer {
    socket: PathBuf,
}

/// Cores that stand still until this is dropped.
pub struct Frozen {
    port: UnixStream,
}

impl Freezer {
    /// Uses the port at `socket`.
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// QEMU's arguments for it.
    pub fn arguments(&self) -> [String; 2] {
        ["-gdb".to_owned(), format!("unix:{},server=on,wait=off", self.socket.display())]
    }

    /// Holds all cores except those with these numbers.
    ///
    /// # Panics
    /// If QEMU refuses.
    pub fn freeze_all_but(&self, cores: &[u32]) -> Frozen {
        // The machine stops when a debugger connects.
        let port = UnixStream::connect(&self.socket).unwrap_or_else(|error| panic!("QEMU's debugger port: {error}"));
        port.set_read_timeout(Some(LIMIT)).expect("a limit");
        let mut frozen = Frozen { port };
        // QEMU numbers its cores from 1 here.
        let running: String = cores.iter().map(|core| format!(";c:{:x}", core + 1)).collect();
        frozen.send(&format!("vCont{running}"));
        frozen
    }
}

impl Frozen {
    /// Sends a packet, and waits until QEMU has acknowledged it.
    fn send(&mut self, packet: &str) {
        let sum = packet.bytes().fold(0_u8, u8::wrapping_add);
        write!(self.port, "${packet}#{sum:02x}").expect("QEMU's debugger port takes a packet");
        self.await_byte(b'+', packet);
    }

    fn await_byte(&mut self, expected: u8, what: &str) {
        let started = Instant::now();
        let mut byte = [0];
        while byte[0] != expected {
            assert!(started.elapsed() < LIMIT, "QEMU's debugger port did not answer to {what}");
            self.port.read_exact(&mut byte).unwrap_or_else(|error| panic!("QEMU's answer to {what}: {error}"));
        }
    }
}

impl Drop for Frozen {
    /// Lets all cores go on. A failing test unwinds through here, and then the machine ends anyway.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.port.write_all(&[STOP]).expect("QEMU's debugger port takes a byte");
        self.await_byte(b'#', "a stop");
        self.send("D");
    }
}
