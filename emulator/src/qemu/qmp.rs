//! A small client of QEMU's machine protocol (QMP): one command, one answer, events passed over.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};

/// How long QEMU may take to answer.
const LIMIT: Duration = Duration::from_secs(30);

/// The control connection of a machine.
pub struct Qmp {
    reader: BufReader<UnixStream>,
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
        let mut qmp = Self { reader: BufReader::new(stream) };
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
                continue;
            }
            if let Some(error) = answer.get("error") {
                let reason = error["desc"].as_str().unwrap_or("without a reason").to_owned();
                return Err(QmpError::Refused { command: command.to_owned(), reason });
            }
            return Ok(answer["return"].take());
        }
    }

    fn receive(&mut self, waited_for: &str) -> Result<Value, QmpError> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(QmpError::Ended(waited_for.to_owned()));
        }
        Ok(serde_json::from_str(&line)?)
    }
}
