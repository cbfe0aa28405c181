//! Round trips of a datagram: one is sent when the answer to the one before has come. A *sleeping* end waits in the kernel
//! until an interrupt wakes it; a *polling* one looks again and again.

use std::io;
use std::net::UdpSocket;
use std::str::FromStr;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::distribution::Distribution;

/// A datagram of this length goes in one of Ethernet's shortest frames.
const DATAGRAM_LEN: usize = 18;
/// Says that no more is asked.
const END: &[u8] = b"end";
/// How long an answer may take, until the question counts as lost.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// How long nobody may ask, until an answering end gives up.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// How long the answering end may take to be there.
const MEETING_LIMIT: Duration = Duration::from_secs(20);
/// How often a polling end looks until it lets another process of its core run.
const LOOKS: u32 = 16;

/// How an end waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wait {
    Sleeping,
    Polling,
}

/// What was measured, in nanoseconds.
#[derive(Serialize)]
pub(crate) struct RoundTrips {
    count: u64,
    lost: u64,
    median: f64,
    /// Those that 99 in a hundred did not exceed.
    percentile_99: f64,
    distribution: Vec<(f64, u64)>,
}

/// Answers until it is told to end.
pub(crate) fn answer(address: &str, wait: Wait) -> Result<(), String> {
    let socket = UdpSocket::bind(address).map_err(|error| format!("{address}: {error}"))?;
    let error = |error: io::Error| format!("{address}: {error}");
    wait.prepare(&socket, SILENCE_LIMIT).map_err(error)?;
    let mut datagram = [0; DATAGRAM_LEN];
    loop {
        let come = wait.until_some(&socket, SILENCE_LIMIT, |socket| socket.recv_from(&mut datagram)).map_err(error)?;
        let Some((len, from)) = come else { return Err(format!("{address}: nobody asked")) };
        socket.send_to(&datagram[..len], from).map_err(error)?;
        if datagram[..len] == *END {
            return Ok(());
        }
    }
}

/// Asks for so long.
pub(crate) fn ask(address: &str, wait: Wait, lasts: Duration) -> Result<RoundTrips, String> {
    let error = |error: io::Error| format!("{address}: {error}");
    let socket = UdpSocket::bind("0.0.0.0:0").map_err(error)?;
    socket.connect(address).map_err(error)?;
    wait.prepare(&socket, ANSWER_LIMIT).map_err(error)?;
    let mut asking = Asking { socket, wait, number: 0 };
    let begun = Instant::now();
    while asking.round_trip().is_none() {
        if begun.elapsed() > MEETING_LIMIT {
            return Err(format!("{address}: nobody answers within {} s", MEETING_LIMIT.as_secs()));
        }
    }
    let (mut times, mut lost) = (Vec::new(), 0);
    let end = Instant::now() + lasts;
    while Instant::now() < end {
        match asking.round_trip() {
            Some(time) => times.push(time),
            None => lost += 1,
        }
    }
    asking.socket.send(END).map_err(error)?;
    RoundTrips::of(times, lost).ok_or_else(|| format!("{address}: no answer has come"))
}

struct Asking {
    socket: UdpSocket,
    wait: Wait,
    number: u64,
}

impl Asking {
    /// How long the next takes; nothing if no answer comes.
    fn round_trip(&mut self) -> Option<Duration> {
        self.number += 1;
        let mut datagram = [0; DATAGRAM_LEN];
        datagram[..8].copy_from_slice(&self.number.to_le_bytes());
        let begun = Instant::now();
        self.socket.send(&datagram).ok()?;
        let mut answer = [0; DATAGRAM_LEN];
        while begun.elapsed() < ANSWER_LIMIT {
            let come = self.wait.until_some(&self.socket, ANSWER_LIMIT, |socket| socket.recv(&mut answer));
            // Whoever is not there yet refuses at once: that is no reason to ask a thousand times.
            let Ok(come) = come else {
                std::thread::sleep(ANSWER_LIMIT / 20);
                return None;
            };
            if come.is_some() && answer == datagram {
                return Some(begun.elapsed());
            }
        }
        None
    }
}

impl RoundTrips {
    fn of(mut times: Vec<Duration>, lost: u64) -> Option<RoundTrips> {
        times.sort_unstable();
        let mut distribution = Distribution::default();
        times.iter().for_each(|time| distribution.add(*time));
        let at = |hundredth: usize| {
            let time = times.get((times.len() * hundredth / 100).min(times.len().checked_sub(1)?))?;
            Some(time.as_nanos() as f64)
        };
        Some(RoundTrips {
            count: times.len() as u64,
            lost,
            median: at(50)?,
            percentile_99: at(99)?,
            distribution: distribution.told(),
        })
    }
}

impl Wait {
    /// Has the socket wait in this way, if it sleeps at most so long.
    fn prepare(self, socket: &UdpSocket, limit: Duration) -> io::Result<()> {
        match self {
            Wait::Sleeping => socket.set_read_timeout(Some(limit)),
            Wait::Polling => socket.set_nonblocking(true),
        }
    }

    /// What `receive` gets; nothing after `limit`.
    fn until_some<T>(
        self,
        socket: &UdpSocket,
        limit: Duration,
        mut receive: impl FnMut(&UdpSocket) -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        let end = Instant::now() + limit;
        let mut looks = 0_u32;
        loop {
            match receive(socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return received.map(Some),
            }
            looks += 1;
            if looks.is_multiple_of(LOOKS) {
                if Instant::now() > end {
                    return Ok(None);
                }
                rustix::thread::sched_yield();
            }
            if self == Wait::Sleeping {
                return Ok(None);
            }
        }
    }
}

impl FromStr for Wait {
    type Err = String;

    fn from_str(text: &str) -> Result<Wait, String> {
        match text {
            "sleeping" => Ok(Wait::Sleeping),
            "polling" => Ok(Wait::Polling),
            _ => Err(format!("an end waits sleeping or polling, not {text:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_meet_and_part_whichever_way_they_wait() {
        for (port, wait) in [(47_101, Wait::Sleeping), (47_102, Wait::Polling)] {
            let address = format!("127.0.0.1:{port}");
            let answering = std::thread::spawn({
                let address = address.clone();
                move || answer(&address, wait)
            });
            let told = ask(&address, wait, Duration::from_millis(50)).unwrap();
            assert!(told.count > 0 && told.median > 0.0 && told.percentile_99 >= told.median);
            assert_eq!(told.distribution.iter().map(|(_, count)| count).sum::<u64>(), told.count);
            answering.join().unwrap().unwrap();
        }
    }

    #[test]
    fn of_no_times_there_is_no_median() {
        assert!(RoundTrips::of(Vec::new(), 3).is_none());
    }
}
