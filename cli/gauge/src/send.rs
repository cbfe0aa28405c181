//! The sending end of a flood: as many frames as go, as long as the receiver has room for them.
//!
//! The receiver gives credit: it says again and again up to which frame it has taken note of all. So its socket never
//! overflows, and a frame that is missing is one that was lost under way.

use std::fs;
use std::str::FromStr;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::frame::{CREDIT, FLOOD, HEAD_LEN, LEAST, Label, MOST, Mac, Pattern};
use crate::socket::{RECEIVE_BUFFER, Socket};

/// How many frames are handed over at once.
const BURST: u32 = 32;
/// What a frame takes in a socket's buffer beside its bytes, generously.
const FRAME_OVERHEAD: usize = 2048;
const WINDOW_LEAST: u32 = 16;
const WINDOW_MOST: u32 = 1024;
/// How long the receiver may take to be there, and to take note of the last frame.
const MEETING_LIMIT: Duration = Duration::from_secs(20);
/// After so long without credit, what is under way counts as lost.
const CREDIT_LIMIT: Duration = Duration::from_secs(1);
/// How long an answer is waited for until the question is repeated.
const PATIENCE: Duration = Duration::from_millis(200);

/// What is to be sent.
pub(crate) struct Flood {
    pub(crate) mac: Mac,
    pub(crate) lengths: Lengths,
    pub(crate) lasts: Duration,
}

/// The lengths of frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lengths {
    least: usize,
    most: usize,
}

/// What was sent.
#[derive(Serialize)]
pub(crate) struct Sent {
    frames: u32,
    bytes: u64,
    /// How often no credit came.
    stalls: u32,
}

struct Sender<'a> {
    socket: Socket,
    flood: &'a Flood,
    own: Mac,
    pattern: Pattern,
    stream: u32,
    window: u32,
    /// The number of the next frame, and up to where there is credit.
    next: u32,
    credited: u32,
    told: Sent,
    credit: Vec<u8>,
}

/// Sends a flood through the card.
pub(crate) fn run(card: &str, flood: &Flood) -> Result<Sent, String> {
    let own = fs::read_to_string(format!("/sys/class/net/{card}/address"));
    let own = own.map_err(|error| format!("there is no card {card}: {error}"))?;
    let window = RECEIVE_BUFFER / 2 / (2 * flood.lengths.most + FRAME_OVERHEAD);
    let mut sender = Sender {
        socket: Socket::open(card, CREDIT, PATIENCE)?,
        flood,
        own: own.trim().parse()?,
        pattern: Pattern::new(),
        stream: std::process::id(),
        window: u32::try_from(window).unwrap_or(WINDOW_MOST).clamp(WINDOW_LEAST, WINDOW_MOST),
        next: 0,
        credited: 0,
        told: Sent { frames: 0, bytes: 0, stalls: 0 },
        credit: vec![0; 2048],
    };
    sender.meet(0, false)?;
    sender.next = 1;
    let end = Instant::now() + flood.lasts;
    while Instant::now() < end {
        sender.burst()?;
    }
    let last = sender.next;
    sender.meet(last, true)?;
    Ok(sender.told)
}

impl Sender<'_> {
    /// Repeats a frame until the receiver has taken note of it.
    fn meet(&mut self, number: u32, is_last: bool) -> Result<(), String> {
        let end = Instant::now() + MEETING_LIMIT;
        while Instant::now() < end {
            let label = Label { is_last, ..self.label(number, LEAST) };
            let head = label.head(self.flood.mac, self.own, FLOOD);
            let frame = (head, self.pattern.of(number, LEAST));
            self.socket.send(&[frame]).map_err(|error| format!("frame {number}: {error}"))?;
            self.await_credit(PATIENCE)?;
            if self.credited > number {
                return Ok(());
            }
        }
        Err(format!("the receiver has taken no note of frame {number} within {} s", MEETING_LIMIT.as_secs()))
    }

    /// Sends as many frames as there is credit for, at most a burst.
    fn burst(&mut self) -> Result<(), String> {
        self.take_credit()?;
        let room = self.window.saturating_sub(self.next.wrapping_sub(self.credited));
        // Full bursts, but when nothing more comes to wait for.
        if room < BURST.min(self.window / 2) {
            return self.wait_for_room();
        }
        let frames: Vec<([u8; HEAD_LEN], &[u8])> = (self.next..)
            .take(room.min(BURST) as usize)
            .map(|number| {
                let len = self.flood.lengths.of(number);
                (self.label(number, len).head(self.flood.mac, self.own, FLOOD), self.pattern.of(number, len))
            })
            .collect();
        let sent = self.socket.send(&frames).map_err(|error| format!("frame {}: {error}", self.next))?;
        self.told.bytes += frames[..sent].iter().map(|(head, rest)| (head.len() + rest.len()) as u64).sum::<u64>();
        self.told.frames += sent as u32;
        self.next += sent as u32;
        if sent == 0 {
            rustix::thread::sched_yield();
        }
        Ok(())
    }

    fn wait_for_room(&mut self) -> Result<(), String> {
        let before = self.credited;
        self.await_credit(CREDIT_LIMIT)?;
        if self.credited == before {
            self.told.stalls += 1;
            self.credited = self.next;
        }
        Ok(())
    }

    /// Waits until credit comes.
    fn await_credit(&mut self, limit: Duration) -> Result<(), String> {
        let (before, end) = (self.credited, Instant::now() + limit);
        while self.credited == before && Instant::now() < end {
            let received = self.socket.receive(&mut self.credit).map_err(|error| format!("no credit: {error}"))?;
            self.note(received);
        }
        self.take_credit()
    }

    /// Takes what credit is there.
    fn take_credit(&mut self) -> Result<(), String> {
        while let Some(len) = self.socket.take(&mut self.credit).map_err(|error| format!("no credit: {error}"))? {
            self.note(Some(len));
        }
        Ok(())
    }

    fn note(&mut self, received: Option<usize>) {
        let label = received.and_then(|len| Label::read(&self.credit[..len]));
        if let Some(label) = label.filter(|label| label.stream == self.stream) {
            self.credited = self.credited.max(label.number);
        }
    }

    fn label(&self, number: u32, len: usize) -> Label {
        Label { stream: self.stream, number, window: self.window, is_last: false, len }
    }
}

impl Lengths {
    /// Every length once, in an order that puts short ones beside long ones, and then over again.
    fn of(self, number: u32) -> usize {
        // A step that has no divisor in common with any span that is used, so that it comes by all lengths.
        const STEP: usize = 27_644_437;
        self.least + (number as usize * STEP) % (self.most - self.least + 1)
    }
}

impl FromStr for Lengths {
    type Err = String;

    fn from_str(text: &str) -> Result<Lengths, String> {
        let (least, most) = text.split_once('-').unwrap_or((text, text));
        let number = |word: &str| word.parse().map_err(|_| format!("{text:?} is no length of a frame"));
        let lengths = Lengths { least: number(least)?, most: number(most)? };
        let Lengths { least, most } = lengths;
        if least < LEAST || most > MOST || least > most {
            return Err(format!("frames have {LEAST} to {MOST} bytes, not {text}"));
        }
        Ok(lengths)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_length_has_its_turn() {
        let lengths: Lengths = "64-1514".parse().unwrap();
        let seen: BTreeSet<usize> = (0..1451).map(|number| lengths.of(number)).collect();
        assert_eq!((seen.len(), seen.first(), seen.last()), (1451, Some(&64), Some(&1514)));
        assert_eq!("100".parse::<Lengths>().unwrap().of(7), 100);
    }

    #[test]
    fn lengths_that_are_none_are_refused() {
        for text in ["59", "65550", "200-100", "x", "64-"] {
            assert!(text.parse::<Lengths>().is_err(), "{text}");
        }
    }
}
