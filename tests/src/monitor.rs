//! The emulator's monitor, for what people type there: its processors from outside.

use emulator::qemu::Qmp;
use serde_json::json;

/// A monitor.
pub struct Monitor(Qmp);

impl Monitor {
    /// By that connection.
    pub fn new(control: Qmp) -> Self {
        Self(control)
    }

    /// Runs a command on a processor, and returns what it prints.
    ///
    /// # Panics
    /// If the emulator refuses it.
    pub fn on_processor(&mut self, processor: u32, command: &str) -> String {
        let arguments = json!({ "command-line": command, "cpu-index": processor });
        let printed = self.0.execute("human-monitor-command", &arguments).unwrap_or_else(|error| panic!("{error}"));
        printed.as_str().expect("a monitor prints text").to_owned()
    }
}
