//! Frames out of a lane: each descriptor loaded once, checked, and the bytes that it names copied out, or lent.

mod watch;

use heapless::Vec;
use shmem::pool::Pool;
use shmem::ring::{RING_SLOTS, Ring};
use shmem::segment::Sink;

use crate::counter::Counter;
use crate::descriptor::{Offload, Piece};
use crate::fault::Fault;
use crate::headers::{self, HEAD_LEN};
use crate::lending::{self, Lent, LoanWords, NotLent};
use crate::ring::{Consumer, RingWords, Wake};
use crate::{MAX_FRAME, MIN_FRAME};

pub use watch::Watch;

/// Most pieces of a frame that are accepted: senders may cut finer than ours does.
const MAX_PIECES: usize = 64;

/// What a receiver has taken, and what it has dropped, by cause.
#[derive(Default, Debug)]
pub struct Counters {
    /// Frames with flags that mean nothing here.
    pub unknown_flags: Counter,
    /// Frames whose offload metadata do not fit their headers.
    pub bad_offload: Counter,
    /// Frames for which the caller had no memory.
    pub skipped: Counter,
    /// Frames taken.
    pub frames: Counter,
}

/// The first frame that waits.
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
    /// Frames taken and not counted yet.
    frames: u64,
    /// Beginnings so far: what was lent before the last of them is lent no more.
    life: u32,
    live: bool,
    /// The watch says that it sleeps.
    asleep: bool,
    fault: Option<Fault>,
    counters: &'w Counters,
    watch: &'w Watch,
}

/// The result of reading one frame's chain.
enum Chain {
    /// No frame waits.
    None,
    Good(usize),
    /// To be skipped, with so many descriptors.
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
            frames: 0,
            life: 0,
            live: false,
            asleep: false,
            fault: None,
            counters,
            watch,
        }
    }

    /// Lets it receive, or not. One that does not receive is never overdue.
    pub fn set_live(&mut self, live: bool) {
        self.live = live;
        if !live {
            self.wake();
        }
    }

    #[inline]
    fn wake(&mut self) {
        if self.asleep {
            self.asleep = false;
            self.watch.wake();
        }
    }

    /// The peer's fault, if there is one; the next call returns none.
    pub fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// Starts anew: zeroes our words. Call it only while the peer reads none of them.
    pub fn reset(&mut self) {
        self.consumer = Consumer::default();
        self.life = self.life.wrapping_add(1);
        self.wake();
        self.pieces.clear();
        self.fault = None;
        self.ring.clear_consumed();
    }

    /// The first frame that waits, if there is one. Frames with unknown flags are skipped.
    ///
    /// # Errors
    /// [`Fault`]: the peer broke a rule, and nothing more is read from it until its link has been up anew.
    #[inline]
    pub fn peek(&mut self) -> Result<Option<Waiting>, Fault> {
        if !self.live {
            return Ok(None);
        }
        let before = self.consumer.taken();
        let found = self.find();
        if found != Ok(None) || self.consumer.taken() != before {
            self.wake();
        }
        if let Err(fault) = found {
            self.fault = Some(fault);
            self.live = false;
        }
        found
    }

    #[inline]
    fn find(&mut self) -> Result<Option<Waiting>, Fault> {
        let mut passed = 0;
        // At most once around the ring, so that a peer that never stops publishing does not keep us here.
        while passed < RING_SLOTS {
            match self.read_chain()? {
                Chain::None => break,
                Chain::Good(len) => return Ok(Some(Waiting { len, offload: self.offload })),
                Chain::Unknown(pieces) => {
                    self.consumer.take(pieces);
                    self.counters.unknown_flags.add(1);
                    passed += pieces;
                }
            }
        }
        Ok(None)
    }

    /// Reads the frame at the front. Each word is loaded once.
    #[inline]
    fn read_chain(&mut self) -> Result<Chain, Fault> {
        self.pieces.clear();
        let Some(mut word) = self.consumer.first_word(&self.ring, 0) else { return Ok(Chain::None) };
        self.offload = Offload::from_word(self.consumer.second_word(&self.ring));
        let mut len = 0;
        let mut unknown = false;
        loop {
            let (piece, unknown_flags) = Piece::from_word(word);
            unknown |= unknown_flags.is_some();
            if piece.len == 0 || !self.pool.holds(piece.offset.into(), piece.len.into()) {
                return Err(Fault::Range { offset: piece.offset, len: piece.len });
            }
            len += u64::from(piece.len);
            if len > MAX_FRAME as u64 {
                return Err(Fault::FrameLength(len));
            }
            self.pieces.push(piece).map_err(|_| Fault::Chain)?;
            let pieces = self.pieces.len() as u32;
            if !piece.more {
                return match len < MIN_FRAME as u64 {
                    true => Err(Fault::FrameLength(len)),
                    false if unknown => Ok(Chain::Unknown(pieces)),
                    false => Ok(Chain::Good(len as usize)),
                };
            }
            // A frame's pieces were published together.
            word = self.consumer.first_word(&self.ring, pieces).ok_or(Fault::Chain)?;
        }
    }

    /// Copies the frame that was peeked into `sinks`, as far as they reach, and goes past it. True if its offload
    /// metadata fit its headers as they were copied; the first sink must hold the first [`HEAD_LEN`] bytes for that.
    /// False if no frame was peeked, or its link has begun anew since: nothing was copied then.
    #[inline]
    pub fn take(&mut self, sinks: &mut [Sink<'_>]) -> bool {
        if self.pieces.is_empty() {
            return false;
        }
        match (&self.pieces[..], &mut *sinks) {
            ([piece], [sink]) => self.copy_out(piece.offset.into(), sink.reborrow().split_at(piece.len as usize).0),
            _ => self.copy_pieces(sinks),
        }
        let len = self.peeked_len();
        self.go_past();
        self.frames += 1;
        let fits = self.offload == Offload::NONE || sinks.first().is_some_and(|first| fits(self.offload, first, len));
        if !fits {
            self.counters.bad_offload.add(1);
        }
        fits
    }

    /// The general case: several pieces, several sinks, and their ends anywhere.
    fn copy_pieces(&self, sinks: &mut [Sink<'_>]) {
        let mut sinks_left = sinks.iter_mut();
        let mut into: Option<Sink<'_>> = None;
        for piece in &self.pieces {
            let mut at = u64::from(piece.offset);
            let end = at + u64::from(piece.len);
            while at < end {
                let sink = match into.take().filter(|sink| !sink.is_empty()) {
                    Some(sink) => sink,
                    None => match sinks_left.next() {
                        Some(sink) => sink.reborrow(),
                        None => return,
                    },
                };
                let (now, rest) = sink.split_at((end - at) as usize);
                at += now.len() as u64;
                self.copy_out(at - now.len() as u64, now);
                into = Some(rest);
            }
        }
    }

    #[inline]
    fn copy_out(&self, offset: u64, into: Sink<'_>) {
        let copied = self.pool.copy_out(offset, into);
        debug_assert!(copied.is_ok(), "the piece was checked");
    }

    /// Goes past the frame that was peeked, without copying it: it is lent, as `loans` notes, until it is
    /// [given back](Lent::give_back) there. Once anything is lent, give back by [`Receiver::release_not_lent`] only. If it
    /// has offload metadata, its first bytes are copied to `head`, and held against them there.
    ///
    /// # Errors
    /// [`NotLent`].
    #[inline]
    pub fn lend(&mut self, loans: &impl LoanWords, head: &mut [u8; HEAD_LEN]) -> Result<Lent, NotLent> {
        if self.pieces.is_empty() {
            return Err(NotLent::NoFrame);
        }
        let pieces = Vec::from_slice(&self.pieces).map_err(|_| NotLent::Pieces)?;
        let len = self.peeked_len();
        let head_len = if self.offload == Offload::NONE { 0 } else { len.min(HEAD_LEN) };
        if head_len > 0 {
            self.copy_pieces(&mut [Sink::from(&mut head[..head_len])]);
        }
        let first = self.consumer.taken();
        self.go_past();
        self.frames += 1;
        if head_len > 0 && !headers::fit(self.offload, &head[..head_len], len) {
            self.counters.bad_offload.add(1);
            return Err(NotLent::BadOffload);
        }
        lending::lend(loans, first, self.life);
        Ok(Lent { len, offload: self.offload, head_len, pieces, first, life: self.life })
    }

    fn peeked_len(&self) -> usize {
        self.pieces.iter().map(|piece| piece.len as usize).sum()
    }

    /// The pool that lent frames lie in: the peer's.
    #[inline]
    pub fn pool(&self) -> Pool<'w> {
        self.pool
    }

    /// Skips the frame that was peeked, for want of memory.
    pub fn skip(&mut self) {
        if self.pieces.is_empty() {
            return;
        }
        self.go_past();
        self.counters.skipped.add(1);
    }

    #[inline]
    fn go_past(&mut self) {
        self.consumer.take(self.pieces.len() as u32);
        self.pieces.clear();
    }

    /// Gives back what was taken since the last time, as one burst.
    #[inline]
    pub fn release(&mut self) -> Wake {
        self.release_until(self.consumer.taken())
    }

    /// Gives back what was taken, up to the first frame that is still lent.
    #[inline]
    pub fn release_not_lent(&mut self, loans: &impl LoanWords) -> Wake {
        let (from, to) = (self.consumer.released(), self.consumer.taken());
        self.release_until(lending::first_lent(loans, from, to, self.life))
    }

    #[inline]
    fn release_until(&mut self, end: u32) -> Wake {
        self.counters.frames.add(self.frames);
        self.frames = 0;
        if self.live { self.consumer.release_until(&self.ring, end) } else { Wake::NotNeeded }
    }

    /// Asks to be rung for the next frame, and looks once more: true if nothing has come and one may sleep. Where nothing has
    /// come since the last time, that was asked already, and looking is all: so an idle peer costs next to nothing.
    #[inline]
    pub fn arm(&mut self) -> bool {
        if !self.live {
            return true;
        }
        if self.asleep {
            return self.consumer.first_word(&self.ring, 0).is_none();
        }
        let may_sleep = self.consumer.arm(&self.ring);
        if may_sleep {
            self.asleep = true;
            self.watch.sleep(self.consumer.taken());
        }
        may_sleep
    }
}

fn fits(offload: Offload, first: &Sink<'_>, frame_len: usize) -> bool {
    let mut head = [0; HEAD_LEN];
    let len = first.read_back(&mut head);
    // A sink longer than the frame holds behind it what it held before.
    headers::fit(offload, &head[..len.min(frame_len)], frame_len)
}
