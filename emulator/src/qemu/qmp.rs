//! A small client of QEMU's machine protocol (QMP): one command, one answer. Of the events it keeps why the machine
//! shut down, and drops the others.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};

/// How long QEMU may take to answer.
const LIMIT: Duration = Duration::from_secs(30);

/// The control connection of a machine.
pub struct Qmp {
    reader: BufReader<UnixStream>,
    shutdown: Option<Shutdown>,
}

/// Why a machine shut down, as QEMU reports it (`ShutdownCause` in QEMU's `qapi/run-state.json`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shutdown {
    /// A kernel powered the machine off.
    PowerOff,
    /// A kernel or a triple fault reset the machine.
    Reset,
    /// Somebody outside the machine ended it.
    Host,
}

impl Shutdown {
    fn read(event: &Value) -> Option<Self> {
        if event["event"] != "SHUTDOWN" {
            return None;
        }
        Some(match event["data"]["reason"].as_str()? {
            "guest-shutdown" => Self::PowerOff,
            "guest-reset" | "subsystem-reset" | "guest-panic" => Self::Reset,
            _ => Self::Host,
        })
    }
}

/// Why a command to QEMU failed.
#[derive(Debug, thiserror::Error)]
pub enum QmpError {
    /// The connection failed.
    #[error("the connection to QEMU's control socket failed: {0}")]
    Connection(#[from] io::Error),
    /// QEMU closed it.
    #[error("QEMU ended before it answered `{0}`")]
    Ended(String),
    /// The answer is not JSON.
    #[error("QEMU answered what is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    /// It refused.
    #[error("QEMU refused `{command}`: {reason}")]
    Refused {
        /// The command.
        command: String,
        /// QEMU's reason.
        reason: String,
    },
}

impl Qmp {
    /// Reads the greeting and ends the negotiation.
    pub(super) fn greet(stream: UnixStream) -> Result<Self, QmpError> {
        stream.set_read_timeout(Some(LIMIT))?;
        let mut qmp = Self { reader: BufReader::new(stream), shutdown: None };
        qmp.receive("the greeting")?;
        qmp.execute("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Runs a command and hands back what it returns.
    ///
    /// # Errors
    /// If QEMU refuses it, is gone, or does not answer.
    pub fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value, QmpError> {
        let message = json!({ "execute": command, "arguments": arguments });
        self.reader.get_mut().write_all(format!("{message}\n").as_bytes())?;
        loop {
            let mut answer = self.receive(command)?;
            if answer.get("event").is_some() {
                self.shutdown = self.shutdown.or(Shutdown::read(&answer));
                continue;
            }
            if let Some(error) = answer.get("error") {
                let reason = error["desc"].as_str().unwrap_or("without a reason").to_owned();
                return Err(QmpError::Refused { command: command.to_owned(), reason });
            }
            return Ok(answer["return"].take());
        }
    }

    /// Why the machine shut down, once QEMU has ended: reads what it has sent until then.
    pub(super) fn into_shutdown(mut self) -> Option<Shutdown> {
        while self.shutdown.is_none()
            && let Ok(message) = self.receive("its end")
        {
            self.shutdown = Shutdown::read(&message);
        }
        self.shutdown
    }

    fn receive(&mut self, waited_for: &str) -> Result<Value, QmpError> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(QmpError::Ended(waited_for.to_owned()));
        }
        Ok(serde_json::from_str(&line)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_off_a_reset_and_an_end_from_outside_are_distinguished() {
        let event = |reason| json!({ "event": "SHUTDOWN", "data": { "guest": true, "reason": reason } });
        let read =
            ["guest-shutdown", "guest-reset", "host-signal", "host-qmp-quit"].map(|one| Shutdown::read(&event(one)));
        assert_eq!(read, [Shutdown::PowerOff, Shutdown::Reset, Shutdown::Host, Shutdown::Host].map(Some));
        assert_eq!(Shutdown::read(&json!({ "event": "RTC_CHANGE", "data": { "offset": 1 } })), None);
    }

    #[test]
    fn the_reason_of_a_shutdown_is_read_after_the_end() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let qmp = Qmp { reader: BufReader::new(ours), shutdown: None };
        writeln!(&theirs, r#"{{"event": "RTC_CHANGE", "data": {{"offset": 0}}}}"#).unwrap();
        writeln!(&theirs, r#"{{"event": "SHUTDOWN", "data": {{"guest": true, "reason": "guest-reset"}}}}"#).unwrap();
        drop(theirs);
        assert_eq!(qmp.into_shutdown(), Some(Shutdown::Reset));
    }
}
