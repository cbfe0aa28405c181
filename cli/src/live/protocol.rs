//! What is said on the socket of a box: JSON, an object or a word a line. The server greets, and then answers each request.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use lifecycle::row::Row;
use lifecycle::verb::Verb;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Of this protocol. Only the greeting stays as it is for ever.
pub(crate) const PROTOCOL: u32 = 1;

/// The longest line that anybody sends.
const LINE_MOST: u64 = 1 << 20;

/// What the server begins with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Greeting {
    /// [`PROTOCOL`].
    pub(crate) protocol: u32,
    /// The version of Sprig that runs the box.
    pub(crate) sprig: String,
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Request {
    /// How all partitions are.
    Status,
    /// An order.
    Order {
        /// What is to be done.
        verb: Verb,
        /// With the partition of that name.
        partition: String,
        /// So many seconds are waited until it is done; `None`: only until its cores have come.
        wait: Option<u32>,
    },
}

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reply {
    /// How all partitions are.
    Partitions(Vec<Row>),
    /// The order is given, or done: a line that says so.
    Done(String),
    /// It is not: a line that says why.
    Refused(String),
}

/// One end of a connection.
pub(crate) struct Lines(BufReader<UnixStream>);

impl Lines {
    /// Over that socket.
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self(BufReader::new(stream))
    }

    /// The socket.
    pub(crate) fn stream(&self) -> &UnixStream {
        self.0.get_ref()
    }

    /// Sends a line.
    pub(crate) fn send(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.0.get_mut().write_all(&line)
    }

    /// Takes the next line. `None`: the other end has closed the connection.
    pub(crate) fn receive<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let mut line = String::new();
        io::Read::take(&mut self.0, LINE_MOST).read_line(&mut line)?;
        if line.is_empty() { Ok(None) } else { Ok(Some(serde_json::from_str(&line)?)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_survives_its_line() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (mut ours, mut theirs) = (Lines::new(ours), Lines::new(theirs));
        let order = Request::Order { verb: Verb::Restart, partition: "db".to_owned(), wait: Some(60) };
        for request in [Request::Status, order] {
            ours.send(&request).unwrap();
            assert_eq!(theirs.receive().unwrap(), Some(request));
        }
        drop(ours);
        assert_eq!(theirs.receive::<Request>().unwrap(), None);
    }

    #[test]
    fn requests_are_as_they_have_always_been() {
        let order = Request::Order { verb: Verb::Stop, partition: "db".to_owned(), wait: None };
        let expected = r#"{"order":{"verb":"stop","partition":"db","wait":null}}"#;
        assert_eq!(serde_json::to_string(&order).unwrap(), expected);
        assert_eq!(serde_json::to_string(&Request::Status).unwrap(), "\"status\"");
    }

    #[test]
    fn what_is_no_request_is_an_error() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(b"restart db\n").unwrap();
        assert_eq!(Lines::new(theirs).receive::<Request>().unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
