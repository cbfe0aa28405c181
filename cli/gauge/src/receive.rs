//! The receiving end of a flood: takes note of every frame, and gives credit for more.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::frame::{CREDIT, ETHERNET_LEN, FLOOD, LEAST, Label, MOST, Mac, Pattern};
use crate::socket::Socket;

/// How long the first frame may take to come.
const MEETING_LIMIT: Duration = Duration::from_secs(30);
/// After so long without a frame the sender counts as gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(5);
/// Credit is given whenever this part of the window has come.
const CREDITS_PER_WINDOW: u32 = 4;
/// How often the last frame is acknowledged: nobody repeats what nobody has heard.
const LAST_CREDITS: u32 = 3;

/// What came.
#[derive(Serialize, Default)]
pub(crate) struct Received {
    /// Those that were as they had been sent.
    frames: u32,
    /// Of those.
    bytes: u64,
    /// From the first to the last of them.
    seconds: f64,
    /// Those that were not as they had been sent.
    corrupt: u32,
    /// Those that never came.
    lost: u32,
    /// Those that came after a later one.
    late: u32,
}

struct Receiver {
    socket: Socket,
    pattern: Pattern,
    stream: Option<u32>,
    /// The number of the frame that should come next, and of the one after the last that credit was given for.
    next: u32,
    credited: u32,
    times: Option<(Instant, Instant)>,
    told: Received,
}

/// Receives one flood on the card.
pub(crate) fn run(card: &str) -> Result<Received, String> {
    let mut receiver = Receiver {
        socket: Socket::open(card, FLOOD, SILENCE_LIMIT)?,
        pattern: Pattern::new(),
        stream: None,
        next: 0,
        credited: 0,
        times: None,
        told: Received::default(),
    };
    let opened = Instant::now();
    let mut frame = vec![0; MOST + 1];
    loop {
        let received = receiver.socket.receive(&mut frame).map_err(|error| format!("{card}: {error}"))?;
        match received {
            Some(len) if receiver.take(&frame[..len])? => return Ok(receiver.told()),
            Some(_) => {}
            None if receiver.stream.is_some() => return Ok(receiver.told()),
            None if opened.elapsed() < MEETING_LIMIT => {}
            None => return Err(format!("{card}: no frame came within {} s", MEETING_LIMIT.as_secs())),
        }
    }
}

impl Receiver {
    /// Takes note of a frame; whether it was the last.
    fn take(&mut self, frame: &[u8]) -> Result<bool, String> {
        let label = Label::read(frame).filter(|label| self.pattern.is_whole(*label, frame));
        let Some(label) = label else {
            self.told.corrupt += 1;
            return Ok(false);
        };
        // A sender that begins anew is another one, whose flood nobody waits for.
        if *self.stream.get_or_insert(label.stream) != label.stream {
            return Ok(false);
        }
        // The first and the last are repeated until they are heard, and measure nothing.
        if label.number == 0 {
            self.next = self.next.max(1);
            self.give_credit(frame, label)?;
            return Ok(false);
        }
        if label.is_last {
            self.told.lost += label.number.saturating_sub(self.next);
            self.next = label.number + 1;
            for _ in 0..LAST_CREDITS {
                self.give_credit(frame, label)?;
            }
            return Ok(true);
        }
        self.count(label, frame.len());
        if self.next.wrapping_sub(self.credited) >= (label.window / CREDITS_PER_WINDOW).max(1) {
            self.give_credit(frame, label)?;
        }
        Ok(false)
    }

    fn count(&mut self, label: Label, len: usize) {
        let now = Instant::now();
        let (first, _) = *self.times.get_or_insert((now, now));
        self.times = Some((first, now));
        self.told.frames += 1;
        self.told.bytes += len as u64;
        if label.number >= self.next {
            self.told.lost += label.number - self.next;
            self.next = label.number + 1;
        } else {
            self.told.late += 1;
            self.told.lost = self.told.lost.saturating_sub(1);
        }
    }

    fn give_credit(&mut self, frame: &[u8], label: Label) -> Result<(), String> {
        let mac = |at: usize| Mac(std::array::from_fn(|number| frame[at + number]));
        let (to, from) = (mac(6), mac(0));
        let credit = Label { number: self.next, is_last: false, len: LEAST, ..label };
        let frame = (credit.head(to, from, CREDIT), self.pattern.of(0, LEAST));
        self.socket.send(&[frame]).map_err(|error| format!("giving credit: {error}"))?;
        self.credited = self.next;
        Ok(())
    }

    fn told(self) -> Received {
        let seconds = self.times.map_or(0.0, |(first, last)| (last - first).as_secs_f64());
        Received { seconds, ..self.told }
    }
}

const _: () = assert!(ETHERNET_LEN == 14, "two addresses and a type");
