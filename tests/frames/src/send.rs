//! The sending end: a burst, then the receiver's word that it has seen everything, then the next.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use crate::frame::{HEADERS, LEAST, Label, MOST, write};
use crate::receive::ALL_SEEN;

/// Frames and bytes after which an answer is wanted: any socket's buffer holds so much.
const BURST_FRAMES: u32 = 64;
const BURST_BYTES: usize = 60_000;
/// How long an answer may take, on a busy host in emulation.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// Sends `count` frames of `least` to `most` bytes, and says what it has sent.
pub(crate) fn run(host: &str, port: u16, count: u32, least: usize, most: usize) -> Result<String, String> {
    if least < LEAST || most > MOST || least > most {
        return Err(format!("frames have {LEAST} to {MOST} bytes, not {least} to {most}"));
    }
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(|error| error.to_string())?;
    socket.connect((host, port)).map_err(|error| format!("{host} port {port}: {error}"))?;
    socket.set_read_timeout(Some(ANSWER_LIMIT)).map_err(|error| error.to_string())?;
    let stream = std::process::id();
    let started = Instant::now();
    let (mut bytes, mut burst_frames, mut burst_bytes) = (0_u64, 0, 0);
    for number in 0..count {
        let len = len_of(number, least, most);
        burst_frames += 1;
        burst_bytes += len;
        let next = len_of(number + 1, least, most);
        let answer_wanted = number + 1 == count || burst_frames == BURST_FRAMES || burst_bytes + next > BURST_BYTES;
        let datagram = write(Label { stream, number, answer_wanted }, len);
        socket.send(&datagram).map_err(|error| format!("frame {number} of {len} bytes: {error}"))?;
        bytes += (datagram.len() + HEADERS) as u64;
        if answer_wanted {
            await_answer(&socket, number + 1)?;
            (burst_frames, burst_bytes) = (0, 0);
        }
    }
    Ok(format!("sent {count} frames, {bytes} bytes, {:.3} s", started.elapsed().as_secs_f64()))
}

/// Every length between once, in an order that puts short ones beside long ones, and then over again.
fn len_of(number: u32, least: usize, most: usize) -> usize {
    // A step that has no divisor in common with any span that is used, so that it comes by all lengths.
    const STEP: usize = 27_644_437;
    least + (number as usize * STEP) % (most - least + 1)
}

fn await_answer(socket: &UdpSocket, seen: u32) -> Result<(), String> {
    let mut answer = [0; 512];
    let len = socket.recv(&mut answer).map_err(|error| format!("no answer to frame {}: {error}", seen - 1))?;
    let answer = String::from_utf8_lossy(&answer[..len]);
    if answer == format!("{ALL_SEEN}{seen}") { Ok(()) } else { Err(format!("the receiver says: {answer}")) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_length_has_its_turn() {
        let lengths: BTreeSet<usize> = (0..1451).map(|number| len_of(number, 64, 1514)).collect();
        assert_eq!((lengths.len(), lengths.first(), lengths.last()), (1451, Some(&64), Some(&1514)));
        assert_eq!(len_of(7, 100, 100), 100);
    }

    #[test]
    fn lengths_that_are_none_are_refused() {
        assert!(run("localhost", 1, 1, 63, 100).is_err());
        assert!(run("localhost", 1, 1, 64, MOST + 1).is_err());
        assert!(run("localhost", 1, 1, 200, 100).is_err());
    }
}
