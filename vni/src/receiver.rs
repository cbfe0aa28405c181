//! Frames out of a lane: each descriptor loaded once, checked, and the bytes that it names copied out.

use core::sync::atomic::{AtomicU64, Ordering};

use heapless::Vec;
use shmem::pool::Pool;
use shmem::ring::Ring;
use shmem::segment::Sink;

use crate::counter::Counter;
use crate::descriptor::{Offload, Piece};
use crate::fault::Fault;
use crate::headers::{self, HEAD_LEN};
use crate::ring::{Consumer, RingWords, Wake};
use crate::{MAX_FRAME, MIN_FRAME};

/// Most pieces of a frame that are accepted: senders may cut finer than ours does.
const MAX_PIECES: usize = 64;

/// What a receiver has dropped, by cause, and what it has taken.
#[derive(Default, Debug)]
pub struct Counters {
    /// Frames with flags that mean nothing here.
    pub unknown_flags: Counter,
    /// Frames whose offload metadata do not fit their headers.
    pub bad_offload: Counter,
    /// Frames that the caller had no memory for.
    pub skipped: Counter,
    /// Frames taken.
    pub frames: Counter,
}

/// What a watchdog, in another context, sees of a receiver.
#[derive(Default, Debug)]
pub struct Watch {
    /// [`Watch::ASLEEP`] and up to where the producer had come when the receiver went to sleep; 0 while it is awake.
    asleep: AtomicU64,
    /// The same at the watchdog's last look, if something had been published since; else 0.
    overdue: AtomicU64,
}

impl Watch {
    const ASLEEP: u64 = 1 << 32;

    fn sleep(&self, produced: u32) {
        self.asleep.store(Self::ASLEEP | u64::from(produced), Ordering::Relaxed);
    }

    fn wake(&self) {
        self.asleep.store(0, Ordering::Relaxed);
    }

    /// Whether the receiver sleeps with something to do, and did so already, without having woken, at the last call.
    pub fn is_overdue(&self, ring: &impl RingWords) -> bool {
        let asleep = self.asleep.load(Ordering::Relaxed);
        let produced = Self::ASLEEP | u64::from(ring.produced());
        let overdue = if asleep != 0 && asleep != produced { asleep } else { 0 };
        overdue != 0 && self.overdue.swap(overdue, Ordering::Relaxed) == overdue
    }
}

/// The frame that waits first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// Its bytes, from [`MIN_FRAME`] to [`MAX_FRAME`].
    pub len: usize,
    /// Its metadata, not yet held against its headers.
    pub offload: Offload,
}

/// The receiving end of a lane.
pub struct Receiver<'w, R = Ring<'w>> {
    ring: R,
    /// Of the peer.
    pool: Pool<'w>,
    consumer: Consumer,
    /// The pieces of the frame that was peeked, checked.
    pieces: Vec<Piece, MAX_PIECES>,
    offload: Offload,
    live: bool,
    fault: Option<Fault>,
    counters: &'w Counters,
    watch: &'w Watch,
}

/// What came of reading one frame's chain.
enum Chain {
    Good(usize),
    /// To be gone past, with so many descriptors.
    Unknown(u32),
}

impl<'w, R: RingWords> Receiver<'w, R> {
    /// Idle until its link is ready.
    pub fn new(ring: R, pool: Pool<'w>, counters: &'w Counters, watch: &'w Watch) -> Self {
        Self {
            ring,
            pool,
            consumer: Consumer::default(),
            pieces: Vec::new(),
            offload: Offload::NONE,
            live: false,
            fault: None,
            counters,
            watch,
        }
    }

    /// Lets it receive, or not. One that does not has nothing to be late for.
    pub fn set_live(&mut self, live: bool) {
        self.live = live;
        if !live {
            self.watch.wake();
        }
    }

    /// What the peer has done wrong, once.
    pub fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// Starts anew, with our words zero. Only while the peer reads none of them.
    pub fn reset(&mut self) {
        self.consumer = Consumer::default();
        self.watch.wake();
        self.pieces.clear();
        self.fault = None;
        self.ring.clear_consumed();
    }

    /// The frame that waits first, if there is one. Frames with unknown flags are gone past.
    ///
    /// # Errors
    /// [`Fault`]: the peer broke a rule, and nothing more is read from it until its link has been up anew.
    pub fn peek(&mut self) -> Result<Option<Waiting>, Fault> {
        if !self.live {
            return Ok(None);
        }
        self.watch.wake();
        let found = self.find();
        if let Err(fault) = found {
            self.fault = Some(fault);
            self.live = false;
        }
        found
    }

    fn find(&mut self) -> Result<Option<Waiting>, Fault> {
        // What was published when we first looked bounds the work: no peer can keep us here by publishing on.
        let mut waiting = self.consumer.waiting(&self.ring)?;
        while waiting > 0 {
            match self.read_chain(waiting)? {
                Chain::Good(len) => return Ok(Some(Waiting { len, offload: self.offload })),
                Chain::Unknown(pieces) => {
                    self.consumer.take(pieces);
                    self.counters.unknown_flags.add(1);
                    waiting -= pieces;
                }
            }
        }
        Ok(None)
    }

    /// Reads the frame at the front of `waiting` descriptors. Each is loaded once.
    fn read_chain(&mut self, waiting: u32) -> Result<Chain, Fault> {
        self.pieces.clear();
        let mut len = 0;
        let mut unknown = false;
        for ahead in 0..waiting {
            let [first, second] = self.consumer.peek(&self.ring, ahead);
            let (piece, unknown_flags) = Piece::from_word(first);
            unknown |= unknown_flags.is_some();
            if ahead == 0 {
                self.offload = Offload::from_word(second);
            }
            if piece.len == 0 || !self.pool.holds(piece.offset.into(), piece.len.into()) {
                return Err(Fault::Range { offset: piece.offset, len: piece.len });
            }
            len += u64::from(piece.len);
            if len > MAX_FRAME as u64 {
                return Err(Fault::FrameLength(len));
            }
            self.pieces.push(piece).map_err(|_| Fault::Chain)?;
            if !piece.more {
                return match len < MIN_FRAME as u64 {
                    true => Err(Fault::FrameLength(len)),
                    false if unknown => Ok(Chain::Unknown(ahead + 1)),
                    false => Ok(Chain::Good(len as usize)),
                };
            }
        }
        Err(Fault::Chain)
    }

    /// Copies the frame that was peeked into `sinks`, as far as they reach, and goes past it. True if its offload
    /// metadata fit its headers as they were copied; the first sink must hold the first [`HEAD_LEN`] bytes for that.
    /// False if no frame was peeked, or its link has begun anew since: nothing was copied then.
    pub fn take(&mut self, sinks: &mut [Sink<'_>]) -> bool {
        if self.pieces.is_empty() {
            return false;
        }
        let mut sinks_left = sinks.iter_mut();
        let mut into: Option<Sink<'_>> = None;
        let mut len = 0;
        for piece in &self.pieces {
            let mut at = u64::from(piece.offset);
            let end = at + u64::from(piece.len);
            len += piece.len as usize;
            while at < end {
                let sink = match into.take().filter(|sink| !sink.is_empty()) {
                    Some(sink) => sink,
                    None => match sinks_left.next() {
                        Some(sink) => sink.reborrow(),
                        None => break,
                    },
                };
                let (now, rest) = sink.split_at((end - at) as usize);
                at += now.len() as u64;
                let copied = self.pool.copy_out(at - now.len() as u64, now);
                debug_assert!(copied.is_ok(), "the piece was checked");
                into = Some(rest);
            }
        }
        self.go_past();
        self.counters.frames.add(1);
        let fits = self.offload == Offload::NONE || sinks.first().is_some_and(|first| fits(self.offload, first, len));
        if !fits {
            self.counters.bad_offload.add(1);
        }
        fits
    }

    /// Goes past the frame that was peeked: there is no memory for it.
    pub fn skip(&mut self) {
        if self.pieces.is_empty() {
            return;
        }
        self.go_past();
        self.counters.skipped.add(1);
    }

    fn go_past(&mut self) {
        self.consumer.take(self.pieces.len() as u32);
        self.pieces.clear();
    }

    /// Gives back what was taken since the last time, as one burst.
    pub fn release(&mut self) -> Wake {
        if self.live { self.consumer.release(&self.ring) } else { Wake::NotNeeded }
    }

    /// Asks to be rung for the next frame, and looks once more: true if nothing has come and one may sleep.
    pub fn arm(&mut self) -> bool {
        if !self.live {
            return true;
        }
        match self.consumer.arm(&self.ring) {
            Ok(may_sleep) => {
                if may_sleep {
                    self.watch.sleep(self.consumer.taken());
                }
                may_sleep
            }
            Err(fault) => {
                self.fault = Some(fault);
                self.live = false;
                false
            }
        }
    }
}

fn fits(offload: Offload, first: &Sink<'_>, frame_len: usize) -> bool {
    let mut head = [0; HEAD_LEN];
    let len = first.read_back(&mut head);
    // A sink longer than the frame holds behind it what it held before.
    headers::fit(offload, &head[..len.min(frame_len)], frame_len)
}
