//! Round trips of a datagram. The client sends one when it has the answer to the one before.

use std::io;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bench_agent::{RoundTrips, Wait};

/// A datagram of this length fits one of Ethernet's shortest frames.
const DATAGRAM_LEN: usize = 18;
/// What a client sends when it has finished.
const END: &[u8] = b"end";
/// After so long without an answer a datagram counts as lost.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
const IDLE_LIMIT: Duration = Duration::from_secs(30);
const START_LIMIT: Duration = Duration::from_secs(20);
/// After so many looks a polling end lets other processes of its core run.
const LOOKS_PER_YIELD: u32 = 16;

/// Answers until a client says that it has finished.
pub(crate) fn answer(address: &str, wait: Wait) -> Result<()> {
    let socket = UdpSocket::bind(address).with_context(|| address.to_owned())?;
    configure(&socket, wait, IDLE_LIMIT)?;
    let mut datagram = [0; DATAGRAM_LEN];
    loop {
        let request = receive(wait, IDLE_LIMIT, || socket.recv_from(&mut datagram))?;
        let (len, client) = request.with_context(|| format!("{address}: no client came"))?;
        socket.send_to(&datagram[..len], client)?;
        if datagram[..len] == *END {
            return Ok(());
        }
    }
}

pub(crate) fn ask(address: &str, wait: Wait, duration: Duration) -> Result<RoundTrips> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(address).with_context(|| address.to_owned())?;
    configure(&socket, wait, ANSWER_LIMIT)?;
    let mut client = Client { socket, wait, number: 0 };
    let start = Instant::now();
    while client.round_trip().is_none() {
        let limit = START_LIMIT.as_secs();
        ensure!(start.elapsed() < START_LIMIT, "{address}: there is no answer within {limit} s");
    }
    let (mut times, end) = (Vec::new(), Instant::now() + duration);
    while Instant::now() < end {
        times.extend(client.round_trip());
    }
    client.socket.send(END)?;
    report(times).with_context(|| format!("{address}: no answer came"))
}

struct Client {
    socket: UdpSocket,
    wait: Wait,
    number: u64,
}

impl Client {
    /// How long the next one takes; `None` without an answer.
    fn round_trip(&mut self) -> Option<Duration> {
        self.number += 1;
        let (mut request, mut answer) = ([0; DATAGRAM_LEN], [0; DATAGRAM_LEN]);
        request[..8].copy_from_slice(&self.number.to_le_bytes());
        let start = Instant::now();
        self.socket.send(&request).ok()?;
        while start.elapsed() < ANSWER_LIMIT {
            let Ok(received) = receive(self.wait, ANSWER_LIMIT, || self.socket.recv(&mut answer)) else {
                // A port without a server refuses at once. Do not ask a thousand times.
                thread::sleep(ANSWER_LIMIT / 20);
                return None;
            };
            if received.is_some() && answer == request {
                return Some(start.elapsed());
            }
        }
        None
    }
}

fn report(mut times: Vec<Duration>) -> Option<RoundTrips> {
    times.sort_unstable();
    let percentile = |percent: usize| Some(times.get(times.len() * percent / 100)?.as_nanos() as f64);
    let (median, percentile_99) = (percentile(50)?, percentile(99)?);
    Some(RoundTrips { median, percentile_99, distribution: times.into_iter().collect() })
}

fn configure(socket: &UdpSocket, wait: Wait, limit: Duration) -> io::Result<()> {
    match wait {
        Wait::Sleeping => socket.set_read_timeout(Some(limit)),
        Wait::Polling => socket.set_nonblocking(true),
    }
}

/// What `attempt` receives; `None` after the limit. A sleeping socket has the limit itself.
fn receive<T>(wait: Wait, limit: Duration, mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<Option<T>> {
    let (end, mut looks) = (Instant::now() + limit, 0_u32);
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            received => return received.map(Some),
        }
        looks += 1;
        if wait == Wait::Sleeping || (looks.is_multiple_of(LOOKS_PER_YIELD) && Instant::now() > end) {
            return Ok(None);
        }
        if looks.is_multiple_of(LOOKS_PER_YIELD) {
            rustix::thread::sched_yield();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_start_and_finish_whichever_way_they_wait() {
        for (port, wait) in [(47_101, Wait::Sleeping), (47_102, Wait::Polling)] {
            let address = format!("127.0.0.1:{port}");
            let server = thread::spawn({
                let address = address.clone();
                move || answer(&address, wait)
            });
            let report = ask(&address, wait, Duration::from_millis(50)).unwrap();
            assert!(report.median > 0.0 && report.percentile_99 >= report.median);
            assert!(!report.distribution.is_empty());
            server.join().unwrap().unwrap();
        }
    }
}
