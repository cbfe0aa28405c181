//! The sending end: it sends a burst, waits for the receiver's confirmation, and sends the next.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use crate::frame::{HEADERS, LEAST, Label, MOST, write};
use crate::receive::ALL_SEEN;

/// Frames and bytes after which the sender wants an answer: any socket's buffer holds that much.
const BURST_FRAMES: u32 = 64;
const BURST_BYTES: usize = 60_000;
/// Limit for an answer, in emulation on a busy host.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// Sends `count` frames of `least` to `most` bytes, and returns a summary.
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

/// The length of a frame: all lengths come once, short ones beside long ones, and then again.
fn len_of(number: u32, least: usize, most: usize) -> usize {
    // This step has no divisor in common with any span that is used, so it reaches all lengths.
    const STEP: usize = 27_644_437;
    least + (number as usize * STEP) % (most - least + 1)
}

fn await_answer(socket: &UdpSocket, seen: u32) -> Result<(), String> {
    let mut answer = [0; 512];
    let len = socket.recv(&mut answer).map_err(|error| format!("no answer to frame {}: {error}", seen - 1))?;
    let answer = String::from_utf8_lossy(&answer[..len]);
    if answer == format!("{ALL_SEEN}{seen}") { Ok(()) } else { Err(format!("the receiver answers: {answer}")) }
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
