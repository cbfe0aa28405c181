//! The receiving end of frames: it checks every frame, and gives the sender credit for more.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bench_agent::Received;
use rustix::net::RecvFlags;

use crate::frame::{CREDIT, ETHERNET_LEN, FLOOD, LEAST, Label, MOST, Mac, Pattern};
use crate::socket::Socket;

const START_LIMIT: Duration = Duration::from_secs(30);
/// After so long without a frame the sender counts as gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(5);
/// Credit is given whenever this part of the window has arrived.
const CREDITS_PER_WINDOW: u32 = 4;
/// How often the last frame is acknowledged: no later frame would repeat a lost credit.
const LAST_CREDITS: u32 = 3;

struct Receiver {
    socket: Socket,
    pattern: Pattern,
    stream: Option<u32>,
    /// The number of the next frame, and up to where credit was given.
    next: u32,
    credited: u32,
    first: Option<Instant>,
    report: Received,
}

/// Receives from one sender on the card.
pub(crate) fn run(card: &str) -> Result<Received> {
    let socket = Socket::open(card, FLOOD, SILENCE_LIMIT)?;
    let (pattern, report) = (Pattern::new(), Received::default());
    let mut receiver = Receiver { socket, pattern, stream: None, next: 0, credited: 0, first: None, report };
    let (opened, mut frame) = (Instant::now(), vec![0; MOST + 1]);
    loop {
        match receiver.socket.receive(&mut frame, RecvFlags::empty()).with_context(|| card.to_owned())? {
            Some(len) if receiver.take(&frame[..len])? => return Ok(receiver.report),
            Some(_) => {}
            None if receiver.stream.is_some() => return Ok(receiver.report),
            None if opened.elapsed() < START_LIMIT => {}
            None => bail!("{card}: no frame came within {} s", START_LIMIT.as_secs()),
        }
    }
}

impl Receiver {
    /// Counts a frame. True if it was the last.
    fn take(&mut self, frame: &[u8]) -> Result<bool> {
        let Some(label) = frame.get(ETHERNET_LEN..).and_then(|content| self.pattern.check(content)) else {
            self.report.corrupt += 1;
            return Ok(false);
        };
        // Another stream is that of another sender.
        if *self.stream.get_or_insert(label.stream) != label.stream {
            return Ok(false);
        }
        // The first frame and the last are repeated until they are acknowledged. They count for nothing.
        if label.number == 0 {
            self.next = self.next.max(1);
            self.give_credit(frame, label)?;
            return Ok(false);
        }
        if label.is_last {
            self.report.lost += label.number.saturating_sub(self.next);
            self.next = label.number + 1;
            (0..LAST_CREDITS).try_for_each(|_| self.give_credit(frame, label))?;
            return Ok(true);
        }
        self.count(label, frame.len());
        if self.next.wrapping_sub(self.credited) >= (label.window / CREDITS_PER_WINDOW).max(1) {
            self.give_credit(frame, label)?;
        }
        Ok(false)
    }

    fn count(&mut self, label: Label, len: usize) {
        self.report.seconds = self.first.get_or_insert_with(Instant::now).elapsed().as_secs_f64();
        self.report.frames += 1;
        self.report.bytes += len as u64;
        if label.number >= self.next {
            self.report.lost += label.number - self.next;
            self.next = label.number + 1;
        } else {
            self.report.lost = self.report.lost.saturating_sub(1);
        }
    }

    fn give_credit(&mut self, frame: &[u8], label: Label) -> Result<()> {
        // Back to the sender: the frame's destination and source, exchanged.
        let mac = |at: usize| -> Mac { std::array::from_fn(|number| frame[at + number]) };
        let credit = Label { number: self.next, is_last: false, len: LEAST, ..label };
        let credit = (credit.head(mac(6), mac(0), CREDIT), self.pattern.of(credit));
        self.socket.send(&[credit]).context("giving credit")?;
        self.credited = self.next;
        Ok(())
    }
}
