//! Asks a box that another process of the same user runs.

use std::io;
use std::time::Duration;

use lifecycle::row::Row;

use super::names::{Names, NamesError};
use super::orders::{ARRIVAL, PATIENCE};
use super::protocol::{Greeting, Lines, PROTOCOL, Reply, Request};

/// How long the server may take to answer beside what it waits for.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Why a box does not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The folder of sockets.
    #[error(transparent)]
    Names(#[from] NamesError),
    /// There is none.
    #[error("no box runs; `sprig run FILE` starts one")]
    NoBox,
    /// There is none of that name.
    #[error("no box {name:?} runs; there {}", there(running))]
    Unknown {
        /// The name.
        name: String,
        /// Those that run.
        running: Vec<String>,
    },
    /// There are several.
    #[error("{} boxes run: say which by --box: {}", .0.len(), .0.join(", "))]
    Several(Vec<String>),
    /// The connection failed.
    #[error("the connection to box {name:?} failed: {error}")]
    Connection {
        /// The name.
        name: String,
        /// The operating system's error.
        error: io::Error,
    },
    /// It was closed.
    #[error("box {0:?} ended before it answered")]
    Ended(String),
    /// It is of another version.
    #[error("box {name:?} is run by Sprig {sprig}, which this command, of {own}, does not understand: use that one's")]
    Version {
        /// The name.
        name: String,
        /// The version that runs it.
        sprig: String,
        /// This one.
        own: &'static str,
    },
    /// It refuses.
    #[error("{0}")]
    Refused(String),
    /// It has answered something else.
    #[error("box {0:?} has answered what was not asked")]
    Confused(String),
    /// Standard output.
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
}

fn there(running: &[String]) -> String {
    match running {
        [one] => format!("is {one}"),
        several => format!("are {}", several.join(", ")),
    }
}

/// A connection to a box.
pub(crate) struct Client {
    name: String,
    lines: Lines,
}

impl Client {
    /// Connects to the box of that name, or to the only one that runs.
    pub(crate) fn connect(name: Option<&str>) -> Result<Self, ClientError> {
        let names = Names::of_user()?;
        let name = choose(name, names.all()?)?;
        let error = |error| ClientError::Connection { name: name.clone(), error };
        let stream = names.connect(&name).map_err(error)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT)).map_err(error)?;
        let mut client = Self { lines: Lines::new(stream), name: name.clone() };
        let Greeting { protocol, sprig } = client.receive()?;
        if protocol != PROTOCOL {
            return Err(ClientError::Version { name, sprig, own: env!("CARGO_PKG_VERSION") });
        }
        Ok(client)
    }

    /// How all partitions are.
    pub(crate) fn status(&mut self) -> Result<Vec<Row>, ClientError> {
        match self.ask(&Request::Status)? {
            Reply::Partitions(rows) => Ok(rows),
            _ => Err(ClientError::Confused(self.name.clone())),
        }
    }

    /// Gives an order. Returns a line that says what has come of it.
    pub(crate) fn order(&mut self, order: &Request) -> Result<String, ClientError> {
        if let Request::Order { wait, .. } = order {
            let wait = Duration::from_secs(wait.unwrap_or(0).into());
            let limit = ANSWER_LIMIT + PATIENCE + ARRIVAL + wait;
            let set = self.lines.stream().set_read_timeout(Some(limit));
            set.map_err(|error| ClientError::Connection { name: self.name.clone(), error })?;
        }
        match self.ask(order)? {
            Reply::Done(line) => Ok(line),
            _ => Err(ClientError::Confused(self.name.clone())),
        }
    }

    fn ask(&mut self, request: &Request) -> Result<Reply, ClientError> {
        let sent = self.lines.send(request);
        sent.map_err(|error| ClientError::Connection { name: self.name.clone(), error })?;
        match self.receive()? {
            Reply::Refused(why) => Err(ClientError::Refused(why)),
            reply => Ok(reply),
        }
    }

    fn receive<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, ClientError> {
        match self.lines.receive() {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(ClientError::Ended(self.name.clone())),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Err(ClientError::Ended(self.name.clone())),
            Err(error) => Err(ClientError::Connection { name: self.name.clone(), error }),
        }
    }
}

/// The box of that name, or the only one.
fn choose(name: Option<&str>, mut running: Vec<String>) -> Result<String, ClientError> {
    match (name, running.len()) {
        (_, 0) => Err(ClientError::NoBox),
        (Some(name), _) if running.iter().any(|one| one == name) => Ok(name.to_owned()),
        (Some(name), _) => Err(ClientError::Unknown { name: name.to_owned(), running }),
        (None, 1) => Ok(running.remove(0)),
        (None, _) => Err(ClientError::Several(running)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(name: Option<&str>, running: &[&str]) -> Result<String, String> {
        choose(name, running.iter().map(|name| (*name).to_owned()).collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_box_need_be_named_only_where_several_run() {
        assert_eq!(chosen(None, &["pair"]).as_deref(), Ok("pair"));
        assert_eq!(chosen(Some("pair"), &["other", "pair"]).as_deref(), Ok("pair"));
        assert_eq!(chosen(None, &["other", "pair"]).unwrap_err(), "2 boxes run: say which by --box: other, pair");
        assert_eq!(chosen(Some("far"), &["pair"]).unwrap_err(), "no box \"far\" runs; there is pair");
        assert_eq!(chosen(Some("far"), &["a", "b"]).unwrap_err(), "no box \"far\" runs; there are a, b");
        assert!(chosen(Some("far"), &[]).unwrap_err().starts_with("no box runs; "));
    }
}
