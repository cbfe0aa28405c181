//! A small client of QEMU's machine protocol (QMP): one command, one answer, which bears the command's number. Of the events
//! it keeps why the machine shut down, and drops the others.

use std::io::{self, BufRead, BufReader, Write};
use std::mem;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};

/// How long QEMU may take to answer.
const LIMIT: Duration = Duration::from_secs(30);

/// The control connection of a machine.
pub struct Qmp {
    reader: BufReader<UnixStream>,
    shutdown: Option<Shutdown>,
    /// The number of the last command.
    number: u64,
    /// What has come of a line whose end has not.
    line: String,
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
    /// It has answered another command: somebody else speaks on this connection.
    #[error("QEMU answered `{answer}` instead of command {number}, `{command}`")]
    Astray {
        /// The command.
        command: String,
        /// Its number.
        number: u64,
        /// What came.
        answer: Value,
    },
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
    fn new(stream: UnixStream) -> Self {
        Self { reader: BufReader::new(stream), shutdown: None, number: 0, line: String::new() }
    }

    /// Reads the greeting and ends the negotiation.
    pub(super) fn greet(stream: UnixStream) -> Result<Self, QmpError> {
        stream.set_read_timeout(Some(LIMIT))?;
        let mut qmp = Self::new(stream);
        qmp.receive("the greeting")?;
        qmp.execute("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Runs a command and hands back what it returns.
    ///
    /// # Errors
    /// If QEMU refuses it, is gone, or does not answer.
    pub fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value, QmpError> {
        self.number += 1;
        let message = json!({ "execute": command, "arguments": arguments, "id": self.number });
        self.reader.get_mut().write_all(format!("{message}\n").as_bytes())?;
        let mut answer = self.receive_answer(command)?;
        if let Some(error) = answer.get("error") {
            let reason = error["desc"].as_str().unwrap_or("without a reason").to_owned();
            return Err(QmpError::Refused { command: command.to_owned(), reason });
        }
        Ok(answer["return"].take())
    }

    /// Takes the answer to the last command. One that came too late for an earlier one is dropped.
    fn receive_answer(&mut self, command: &str) -> Result<Value, QmpError> {
        loop {
            let answer = self.receive(command)?;
            if answer.get("event").is_some() {
                self.shutdown = self.shutdown.or(Shutdown::read(&answer));
                continue;
            }
            match answer["id"].as_u64() {
                Some(number) if number == self.number => return Ok(answer),
                Some(number) if number < self.number => {}
                _ => return Err(QmpError::Astray { command: command.to_owned(), number: self.number, answer }),
            }
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
        if self.reader.read_line(&mut self.line)? == 0 {
            return Err(QmpError::Ended(waited_for.to_owned()));
        }
        Ok(serde_json::from_str(&mem::take(&mut self.line))?)
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
        let qmp = Qmp::new(ours);
        writeln!(&theirs, r#"{{"event": "RTC_CHANGE", "data": {{"offset": 0}}}}"#).unwrap();
        writeln!(&theirs, r#"{{"event": "SHUTDOWN", "data": {{"guest": true, "reason": "guest-reset"}}}}"#).unwrap();
        drop(theirs);
        assert_eq!(qmp.into_shutdown(), Some(Shutdown::Reset));
    }

    /// What becomes of a command, the second of a connection, when QEMU sends these lines.
    fn executed(lines: &[&str]) -> Result<Value, QmpError> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut qmp = Qmp { number: 1, ..Qmp::new(ours) };
        lines.iter().for_each(|line| writeln!(&theirs, "{line}").unwrap());
        let done = qmp.execute("stop", &json!({}));
        let mut sent = String::new();
        BufReader::new(&theirs).read_line(&mut sent).unwrap();
        let sent: Value = serde_json::from_str(&sent).unwrap();
        assert_eq!(sent, json!({ "execute": "stop", "arguments": {}, "id": 2 }));
        done
    }

    #[test]
    fn the_answer_to_a_command_is_the_one_with_its_number() {
        let event = r#"{"event": "STOP"}"#;
        let answer = executed(&[event, r#"{"return": "late", "id": 1}"#, r#"{"return": "own", "id": 2}"#]);
        assert_eq!(answer.unwrap(), json!("own"));
        let refused = executed(&[r#"{"error": {"desc": "late"}, "id": 1}"#, r#"{"error": {"desc": "no"}, "id": 2}"#]);
        assert_eq!(refused.unwrap_err().to_string(), "QEMU refused `stop`: no");
    }

    #[test]
    fn an_answer_that_is_late_disturbs_no_later_command() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let mut qmp = Qmp::new(ours);
        write!(&theirs, r#"{{"return": "la"#).unwrap();
        let late = qmp.execute("stop", &json!({})).unwrap_err();
        assert!(matches!(late, QmpError::Connection(_)), "{late}");
        writeln!(&theirs, r#"te", "id": 1}}"#).unwrap();
        writeln!(&theirs, r#"{{"return": "own", "id": 2}}"#).unwrap();
        assert_eq!(qmp.execute("cont", &json!({})).unwrap(), json!("own"));
    }

    #[test]
    fn an_answer_to_nobody_is_no_answer() {
        for (answer, shown) in [(r#"{"return": {}}"#, r#"{"return":{}}"#), (r#"{"id": 3}"#, r#"{"id":3}"#)] {
            let error = executed(&[answer]).unwrap_err().to_string();
            assert_eq!(error, format!("QEMU answered `{shown}` instead of command 2, `stop`"));
        }
    }
}
