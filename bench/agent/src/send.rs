//! The sending end of frames: it sends as fast as the receiver gives credit.
//!
//! The receiver repeats up to which frame it has taken all. So its socket never overflows, and a frame that is missing was
//! lost on the way.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::net::RecvFlags;

use crate::frame::{CREDIT, ETHERNET_LEN, FLOOD, HEAD_LEN, LEAST, Label, MOST, Mac, Pattern, mac};
use crate::socket::{RECEIVE_BUFFER, Socket};

/// Frames of one system call.
const BURST: u32 = 32;
/// What a frame takes in a socket's buffer besides its bytes, generously.
const FRAME_OVERHEAD: usize = 2048;
const WINDOW_LEAST: u32 = 16;
const WINDOW_MOST: u32 = 1024;
/// How long the receiver may take to start, and to acknowledge the last frame.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// After so long without credit, frames on the way count as lost.
const CREDIT_LIMIT: Duration = Duration::from_secs(1);
/// How long the sender waits for an acknowledgement before it repeats a frame.
const REPEAT_AFTER: Duration = Duration::from_millis(200);

struct Sender {
    socket: Socket,
    to: Mac,
    from: Mac,
    len: usize,
    pattern: Pattern,
    stream: u32,
    window: u32,
    /// The number of the next frame, and up to where there is credit.
    next: u32,
    credited: u32,
    credit: Vec<u8>,
}

/// Sends frames of that length through the card for so long.
pub(crate) fn run(card: &str, to: Mac, len: usize, duration: Duration) -> Result<()> {
    ensure!((LEAST..=MOST).contains(&len), "frames have {LEAST} to {MOST} bytes, not {len}");
    let from = fs::read_to_string(format!("/sys/class/net/{card}/address"));
    let from = mac(from.with_context(|| format!("there is no card {card}"))?.trim())?;
    let window = RECEIVE_BUFFER / 2 / (2 * len + FRAME_OVERHEAD);
    let mut sender = Sender {
        socket: Socket::open(card, CREDIT, REPEAT_AFTER)?,
        to,
        from,
        len,
        pattern: Pattern::new(),
        stream: std::process::id(),
        window: u32::try_from(window).unwrap_or(WINDOW_MOST).clamp(WINDOW_LEAST, WINDOW_MOST),
        next: 0,
        credited: 0,
        credit: vec![0; 2048],
    };
    sender.send_acknowledged(0, false)?;
    sender.next = 1;
    let end = Instant::now() + duration;
    while Instant::now() < end {
        sender.burst()?;
    }
    sender.send_acknowledged(sender.next, true)
}

impl Sender {
    /// Repeats a frame until the receiver acknowledges it.
    fn send_acknowledged(&mut self, number: u32, is_last: bool) -> Result<()> {
        let end = Instant::now() + ANSWER_LIMIT;
        while Instant::now() < end {
            self.socket.send(&[self.frame(number, LEAST, is_last)]).with_context(|| format!("frame {number}"))?;
            self.await_credit(REPEAT_AFTER)?;
            if self.credited > number {
                return Ok(());
            }
        }
        bail!("the receiver did not acknowledge frame {number} within {} s", ANSWER_LIMIT.as_secs())
    }

    /// Sends as many frames as there is credit for, at most a burst.
    fn burst(&mut self) -> Result<()> {
        self.take_all_credit()?;
        let room = self.window.saturating_sub(self.next.wrapping_sub(self.credited));
        // Full bursts, unless the window holds less.
        if room < BURST.min(self.window / 2) {
            let before = self.credited;
            self.await_credit(CREDIT_LIMIT)?;
            if self.credited == before {
                self.credited = self.next;
            }
            return Ok(());
        }
        let numbers = (self.next..).take(room.min(BURST) as usize);
        let frames: Vec<_> = numbers.map(|number| self.frame(number, self.len, false)).collect();
        let sent = self.socket.send(&frames).with_context(|| format!("frame {}", self.next))?;
        self.next += sent as u32;
        if sent == 0 {
            rustix::thread::sched_yield();
        }
        Ok(())
    }

    fn await_credit(&mut self, limit: Duration) -> Result<()> {
        let (before, end) = (self.credited, Instant::now() + limit);
        while self.credited == before && Instant::now() < end {
            self.take_credit(RecvFlags::empty())?;
        }
        self.take_all_credit()
    }

    fn take_all_credit(&mut self) -> Result<()> {
        while self.take_credit(RecvFlags::DONTWAIT)? {}
        Ok(())
    }

    /// Takes the next frame, which may give credit. False if none comes.
    fn take_credit(&mut self, flags: RecvFlags) -> Result<bool> {
        let received = self.socket.receive(&mut self.credit, flags).context("no credit")?;
        let label = received.and_then(|len| Label::read(self.credit.get(ETHERNET_LEN..len)?));
        if let Some(label) = label.filter(|label| label.stream == self.stream) {
            self.credited = self.credited.max(label.number);
        }
        Ok(received.is_some())
    }

    fn frame(&self, number: u32, len: usize, is_last: bool) -> ([u8; HEAD_LEN], &[u8]) {
        let label = Label { stream: self.stream, number, window: self.window, is_last, len };
        (label.head(self.to, self.from, FLOOD), self.pattern.of(label))
    }
}
