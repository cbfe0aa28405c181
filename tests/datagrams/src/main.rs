//! What tests run inside instances: numbered datagrams of many lengths. Each must arrive whole, in order, and none may be
//! missing.
//!
//! After each burst the sender waits until the receiver has confirmed all datagrams so far. So no socket's buffer overflows,
//! and a missing datagram is one that the network has lost.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

const USAGE: &str = "usage:
  receive PORT                        checks the datagrams that arrive, and answers
  send ADDRESS:PORT COUNT LEAST MOST  sends COUNT of them, in frames of LEAST to MOST bytes";

/// Ethernet, IPv4 and UDP headers.
const HEADERS: usize = 14 + 20 + 8;
/// The lengths of frames that can be sent. An IPv4 packet cannot be longer than 65,535 bytes.
const LENGTHS: RangeInclusive<usize> = 64..=14 + 65_535;
/// Frames and bytes after which the sender wants an answer: any socket's buffer holds that much.
const BURST_FRAMES: u32 = 64;
const BURST_BYTES: usize = 60_000;
/// Limit for an answer, in emulation on a busy host.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
const LABEL_LEN: usize = 16;

/// A sender. Its stream alone is not unique, because instances use the same process numbers.
type Sender = (SocketAddr, u32);

/// Which datagram it is. Its bytes are four words, and behind them bytes made of these words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Label {
    /// The sender's process.
    stream: u32,
    /// Counted from 0.
    number: u32,
    /// Whether the sender wants an answer.
    is_last: bool,
    /// Of the datagram.
    len: usize,
}

impl Label {
    fn datagram(self) -> Vec<u8> {
        let words = [self.stream, self.number, self.is_last.into(), self.len as u32];
        let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        bytes.resize(self.len, 0);
        let seed = words.into_iter().fold(0_u64, |seed, word| seed.rotate_left(17) ^ u64::from(word));
        fastrand::Rng::with_seed(seed).fill(&mut bytes[LABEL_LEN..]);
        bytes
    }

    /// The label of a datagram, if all of it is as it was sent.
    fn check(datagram: &[u8]) -> Option<Label> {
        let word = |at: usize| Some(u32::from_le_bytes(datagram.get(at..at + 4)?.try_into().ok()?));
        let (stream, number, is_last) = (word(0)?, word(4)?, word(8)? != 0);
        let label = Label { stream, number, is_last, len: datagram.len().max(LABEL_LEN) };
        (label.datagram() == datagram).then_some(label)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("datagrams: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<String> {
    match words {
        ["receive", port] => receive(number(port)?),
        ["send", address, count, least, most] => send(address, number(count)?, number(least)?..=number(most)?),
        _ => bail!(USAGE),
    }
}

fn number<T: FromStr>(word: &str) -> Result<T> {
    word.parse().ok().with_context(|| format!("{word:?} is not a valid number here; {USAGE}"))
}

/// Receives until it is ended.
fn receive(port: u16) -> Result<String> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).with_context(|| format!("port {port}"))?;
    println!("receiving on port {port}");
    let (mut next, mut bytes) = (BTreeMap::new(), vec![0; 1 << 16]);
    loop {
        let (len, from) = socket.recv_from(&mut bytes).context("receiving")?;
        if let Some(answer) = take(&mut next, from, &bytes[..len]) {
            socket.send_to(answer.as_bytes(), from).with_context(|| format!("answering {from}"))?;
        }
    }
}

/// Checks a datagram. Returns an answer if the sender wants one, or if the datagram is not the expected one.
fn take(next: &mut BTreeMap<Sender, u32>, from: SocketAddr, datagram: &[u8]) -> Option<String> {
    let Some(Label { stream, number, is_last, .. }) = Label::check(datagram) else {
        return Some(format!("{} bytes are damaged: {:02x?}", datagram.len(), datagram.get(..LABEL_LEN)));
    };
    let expected = next.entry((from, stream)).or_default();
    // A sender that starts again starts with 0.
    if number != 0 && number != *expected {
        return Some(format!("{from}, stream {stream}: frame {number} came instead of {expected}"));
    }
    *expected = number + 1;
    is_last.then(|| seen(*expected))
}

fn seen(count: u32) -> String {
    format!("seen {count}")
}

/// Sends `count` frames of these lengths, all headers included, and returns a summary.
fn send(address: &str, count: u32, lengths: RangeInclusive<usize>) -> Result<String> {
    let (least, most) = (*lengths.start(), *lengths.end());
    let is_valid = least <= most && LENGTHS.contains(&least) && LENGTHS.contains(&most);
    ensure!(is_valid, "frames have {} to {} bytes, not {least} to {most}", LENGTHS.start(), LENGTHS.end());
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(address).with_context(|| address.to_owned())?;
    socket.set_read_timeout(Some(ANSWER_LIMIT))?;
    let (stream, mut burst_frames, mut burst_bytes) = (std::process::id(), 0, 0);
    for number in 0..count {
        let (len, next) = (length(number, &lengths), length(number + 1, &lengths));
        burst_frames += 1;
        burst_bytes += len;
        let is_last = number + 1 == count || burst_frames == BURST_FRAMES || burst_bytes + next > BURST_BYTES;
        let label = Label { stream, number, is_last, len: len - HEADERS };
        socket.send(&label.datagram()).with_context(|| format!("frame {number}"))?;
        if is_last {
            await_answer(&socket, number + 1)?;
            (burst_frames, burst_bytes) = (0, 0);
        }
    }
    Ok(format!("sent {count} frames"))
}

/// The length of a frame: all lengths come once, short ones beside long ones, and then again.
fn length(number: u32, lengths: &RangeInclusive<usize>) -> usize {
    // This step has no divisor in common with any span that is used, so it reaches all lengths.
    const STEP: usize = 27_644_437;
    lengths.start() + (number as usize * STEP) % (lengths.end() - lengths.start() + 1)
}

fn await_answer(socket: &UdpSocket, count: u32) -> Result<()> {
    let mut answer = [0; 512];
    let len = socket.recv(&mut answer).with_context(|| format!("no answer to frame {}", count - 1))?;
    let answer = String::from_utf8_lossy(&answer[..len]);
    ensure!(answer == seen(count), "the receiver answers: {answer}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn only_the_next_frame_of_a_sender_is_the_right_one() {
        let [one, other] = [1, 2].map(|host| SocketAddr::from(([10, 83, 0, host], 4000)));
        let mut next = BTreeMap::new();
        let mut take = |from, number, is_last| {
            let label = Label { stream: 9, number, is_last, len: 58 };
            take(&mut next, from, &label.datagram()).unwrap_or_default()
        };
        assert_eq!([take(one, 0, false), take(other, 0, false), take(one, 1, true)], ["", "", "seen 2"]);
        assert_eq!(take(one, 3, false), "10.83.0.1:4000, stream 9: frame 3 came instead of 2");
        assert_eq!([take(one, 0, true), take(other, 1, true)], ["seen 1", "seen 2"], "a new beginning");
    }

    #[test]
    fn every_changed_byte_is_seen() {
        let datagram = Label { stream: 7, number: 123_456, is_last: true, len: 58 }.datagram();
        assert!(Label::check(&datagram).is_some() && Label::check(&datagram[..57]).is_none());
        assert!((0..=LABEL_LEN).all(|len| Label::check(&datagram[..len]).is_none()));
        for at in 0..datagram.len() {
            let mut damaged = datagram.clone();
            damaged[at] ^= 0x10;
            assert_eq!(Label::check(&damaged), None, "byte {at}");
        }
    }

    #[test]
    fn every_length_has_its_turn_and_others_are_refused() {
        let lengths: BTreeSet<usize> = (0..1451).map(|number| length(number, &(64..=1514))).collect();
        assert_eq!((lengths.len(), lengths.first(), lengths.last()), (1451, Some(&64), Some(&1514)));
        for (least, most) in [(63, 100), (64, 65_550), (200, 100)] {
            assert!(send("127.0.0.1:1", 1, least..=most).is_err());
        }
    }
}
