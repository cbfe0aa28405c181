//! Numbered datagrams of many lengths, for tests: each must arrive whole, in order, and none may be missing.
//!
//! A datagram is a frame without its Ethernet header. After each burst the sender waits until the receiver has confirmed all
//! datagrams so far. So no socket's buffer overflows, and a missing datagram is one that the network has lost.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::frame::{ETHERNET_LEN, Label, Pattern};

/// Ethernet, IPv4 and UDP headers.
const HEADERS: usize = ETHERNET_LEN + 20 + 8;
/// The lengths of frames that can be sent. An IPv4 packet cannot be longer than 65,535 bytes.
const LENGTHS: RangeInclusive<usize> = 64..=ETHERNET_LEN + 65_535;
/// Frames and bytes after which the sender wants an answer: any socket's buffer holds that much.
const BURST_FRAMES: u32 = 64;
const BURST_BYTES: usize = 60_000;
/// Limit for an answer, in emulation on a busy host.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// A sender. Its stream alone is not unique, because instances use the same process numbers.
type Sender = (SocketAddr, u32);

/// Receives until it is ended.
pub(crate) fn receive(port: u16) -> Result<String> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).with_context(|| format!("port {port}"))?;
    println!("receiving on port {port}");
    let (mut next, pattern, mut bytes) = (BTreeMap::new(), Pattern::new(), vec![0; 1 << 16]);
    loop {
        let (len, from) = socket.recv_from(&mut bytes).context("receiving")?;
        if let Some(answer) = take(&mut next, from, &pattern, &bytes[..len]) {
            socket.send_to(answer.as_bytes(), from).with_context(|| format!("answering {from}"))?;
        }
    }
}

/// Checks a datagram. Returns an answer if the sender wants one, or if the datagram is not the expected one.
fn take(next: &mut BTreeMap<Sender, u32>, from: SocketAddr, pattern: &Pattern, datagram: &[u8]) -> Option<String> {
    let is_all = |label: &Label| label.len == datagram.len() + ETHERNET_LEN;
    let Some(Label { stream, number, is_last, .. }) = pattern.check(datagram).filter(is_all) else {
        return Some(format!("{} bytes are damaged: {:?}", datagram.len(), Label::read(datagram)));
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
pub(crate) fn send(address: &str, count: u32, lengths: RangeInclusive<usize>) -> Result<String> {
    let (least, most) = (*lengths.start(), *lengths.end());
    let is_valid = least <= most && LENGTHS.contains(&least) && LENGTHS.contains(&most);
    ensure!(is_valid, "frames have {} to {} bytes, not {least} to {most}", LENGTHS.start(), LENGTHS.end());
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(address).with_context(|| address.to_owned())?;
    socket.set_read_timeout(Some(ANSWER_LIMIT))?;
    let (stream, pattern) = (std::process::id(), Pattern::new());
    let (mut burst_frames, mut burst_bytes) = (0, 0);
    for number in 0..count {
        let (len, next) = (length(number, &lengths), length(number + 1, &lengths));
        burst_frames += 1;
        burst_bytes += len;
        let is_last = number + 1 == count || burst_frames == BURST_FRAMES || burst_bytes + next > BURST_BYTES;
        socket.send(&datagram(stream, number, is_last, len, &pattern)).with_context(|| format!("frame {number}"))?;
        if is_last {
            await_answer(&socket, number + 1)?;
            (burst_frames, burst_bytes) = (0, 0);
        }
    }
    Ok(format!("sent {count} frames"))
}

fn datagram(stream: u32, number: u32, is_last: bool, frame_len: usize, pattern: &Pattern) -> Vec<u8> {
    let label = Label { stream, number, window: 0, is_last, len: frame_len - HEADERS + ETHERNET_LEN };
    [&label.bytes(), pattern.of(label)].concat()
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
        let (mut next, pattern) = (BTreeMap::new(), Pattern::new());
        let mut take = |from, number, is_last| {
            take(&mut next, from, &pattern, &datagram(9, number, is_last, 100, &pattern)).unwrap_or_default()
        };
        assert_eq!([take(one, 0, false), take(other, 0, false), take(one, 1, true)], ["", "", "seen 2"]);
        assert_eq!(take(one, 3, false), "10.83.0.1:4000, stream 9: frame 3 came instead of 2");
        assert_eq!([take(one, 0, true), take(other, 1, true)], ["seen 1", "seen 2"], "a new beginning");
        let mut damaged = datagram(9, 0, false, 100, &pattern);
        damaged[50] ^= 1;
        assert!(super::take(&mut next, one, &pattern, &damaged).unwrap().contains("damaged"));
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
