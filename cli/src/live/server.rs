//! Serves the socket of a box: answers whoever connects, each in a thread of its own.

use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use lifecycle::snapshot::PageError;

use super::LiveBox;
use super::names::{Claim, Names, NamesError};
use super::protocol::{Greeting, Lines, PROTOCOL, Reply, Request};

/// How long anybody may take to read an answer.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// Pause after a connection that could not be taken, as while there are too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// The server of a box, whose socket goes away with this value.
pub(crate) struct Server {
    claim: Claim,
}

impl Server {
    /// Serves the box under its name, or another if another run has that.
    pub(crate) fn start(running: Arc<LiveBox>, box_name: &str) -> Result<Self, NamesError> {
        let names = Names::of_user()?;
        let claim = names.claim(box_name)?;
        let listener = claim.listener.try_clone();
        let listener = listener.map_err(|error| NamesError::File { path: claim.name.clone().into(), error })?;
        thread::spawn(move || serve(&listener, &running));
        Ok(Self { claim })
    }

    /// The name by which the box is reached.
    pub(crate) fn name(&self) -> &str {
        &self.claim.name
    }
}

fn serve(listener: &UnixListener, running: &Arc<LiveBox>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            thread::sleep(PAUSE);
            continue;
        };
        let running = Arc::clone(running);
        thread::spawn(move || {
            // Whoever asked has gone, or has asked for what is no request, and has no answer.
            let _ = answer_all(stream, &running);
        });
    }
}

fn answer_all(stream: UnixStream, running: &LiveBox) -> io::Result<()> {
    stream.set_write_timeout(Some(WRITE_LIMIT))?;
    let mut lines = Lines::new(stream);
    lines.send(&Greeting { protocol: PROTOCOL, sprig: env!("CARGO_PKG_VERSION").to_owned() })?;
    while let Some(request) = lines.receive()? {
        lines.send(&answer(running, &request))?;
    }
    Ok(())
}

fn answer(running: &LiveBox, request: &Request) -> Reply {
    match running.snapshot() {
        Err(PageError::Magic(0)) => return Reply::Refused("the box still boots; try again in a moment".to_owned()),
        Err(error) => return Reply::Refused(error.to_string()),
        Ok(_) => {}
    }
    match request {
        Request::Status => running.rows().map_or_else(|error| Reply::Refused(error.to_string()), Reply::Partitions),
        Request::Order { verb, partition, wait } => {
            running.order(*verb, partition, *wait).map_or_else(|error| Reply::Refused(error.to_string()), Reply::Done)
        }
    }
}
