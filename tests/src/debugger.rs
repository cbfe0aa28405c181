//! A debugger on the emulated machine: it holds some of its processors, as a person does who looks at one.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::monitor::Monitor;

/// How long the emulator may take to answer.
const LIMIT: Duration = Duration::from_secs(30);

/// A connection to the emulator's stub for debuggers (GDB, "Remote Serial Protocol").
pub struct Debugger(UnixStream);

impl Debugger {
    /// Attaches to the machine, and holds `held` of its processors; the others go on.
    ///
    /// # Panics
    /// If the emulator does not let it.
    pub fn hold(monitor: &mut Monitor, socket: &Path, processors: u32, held: &[u32]) -> Self {
        monitor.on_processor(0, &format!("gdbserver unix:{},server=on,wait=off", socket.display()));
        let stream = UnixStream::connect(socket).unwrap_or_else(|error| panic!("{}: {error}", socket.display()));
        stream.set_read_timeout(Some(LIMIT)).expect("a limit can be set");
        let mut debugger = Self(stream);
        // Threads are counted from 1; whom this does not name stands still, as all have since it is attached.
        let go_on = (0..processors).filter(|processor| !held.contains(processor));
        let go_on: String = go_on.map(|processor| format!(";c:{:x}", processor + 1)).collect();
        debugger.send(&format!("vCont{go_on}")).unwrap_or_else(|error| panic!("{error}"));
        debugger
    }

    /// Lets all of them go on, and detaches.
    ///
    /// # Panics
    /// If the emulator does not let it.
    pub fn release(mut self) {
        const BREAK: u8 = 3;
        self.0.write_all(&[BREAK]).and_then(|()| self.answer()).unwrap_or_else(|error| panic!("break: {error}"));
        self.send("D").and_then(|()| self.answer()).unwrap_or_else(|error| panic!("detach: {error}"));
    }

    fn send(&mut self, command: &str) -> io::Result<()> {
        let sum = command.bytes().fold(0_u8, u8::wrapping_add);
        write!(self.0, "+${command}#{sum:02x}")
    }

    /// Waits for the end of one packet.
    fn answer(&mut self) -> io::Result<()> {
        let mut byte = [0];
        while byte != *b"#" {
            self.0.read_exact(&mut byte)?;
        }
        Ok(())
    }
}
