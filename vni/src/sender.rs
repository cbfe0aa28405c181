//! Frames into a lane: copied into buffers of our pool, named by descriptors of the ring.

use shmem::pool::{BUFFER_LEN, Pool};
use shmem::ring::{RING_SLOTS, Ring};
use shmem::segment::Source;

use crate::buffers::{Buffer, OwnBuffers, SharedBuffers};
use crate::counter::Counter;
use crate::descriptor::{Offload, Piece};
use crate::fault::Fault;
use crate::ring::{Producer, RingWords, Wake};
use crate::{MAX_FRAME, MIN_FRAME};

/// Pieces of the largest frame.
pub const MAX_PIECES: usize = MAX_FRAME.div_ceil(BUFFER_LEN as usize);

/// Why a frame was not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The ring or the pool is full; nothing was taken.
    NoRoom,
    /// The link is not up: nobody would read it.
    LinkDown,
    /// It is shorter or longer than frames may be.
    Length,
}

/// What a sender has refused, by cause.
#[derive(Default, Debug)]
pub struct Counters {
    /// Frames while the link was not up.
    pub link_down: Counter,
    /// Frames of a length that frames may not have.
    pub length: Counter,
    /// Times that the ring had no slots; the frame is sent later.
    pub ring_full: Counter,
    /// Times that the pool had no buffers; the frame is sent later.
    pub pool_full: Counter,
    /// Frames sent.
    pub frames: Counter,
    /// Bursts published.
    pub bursts: Counter,
}

/// The sending end of a lane.
pub struct Sender<'w, R = Ring<'w>> {
    ring: R,
    pool: Pool<'w>,
    producer: Producer,
    own: OwnBuffers,
    /// The buffer that each slot's descriptor names: the shadow of what the window says, and the only thing believed.
    in_slot: [Option<Buffer>; RING_SLOTS as usize],
    live: bool,
    fault: Option<Fault>,
    shared: &'w SharedBuffers,
    counters: &'w Counters,
}

impl<'w, R: RingWords> Sender<'w, R> {
    /// The `number`-th lane of its partition; idle until its link is up.
    pub fn new(ring: R, pool: Pool<'w>, number: usize, shared: &'w SharedBuffers, counters: &'w Counters) -> Self {
        Self {
            ring,
            pool,
            producer: Producer::default(),
            own: OwnBuffers::new(number),
            in_slot: [None; RING_SLOTS as usize],
            live: false,
            fault: None,
            shared,
            counters,
        }
    }

    /// Whether it sends, or refuses.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Lets it send, or not.
    pub fn set_live(&mut self, live: bool) {
        self.live = live;
    }

    /// What the peer has done wrong, once.
    pub fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// Starts anew: our words zero, every buffer back. Only while the peer reads none of it.
    pub fn reset(&mut self) {
        for slot in &mut self.in_slot {
            if let Some(buffer) = slot.take() {
                self.own.give_back(buffer, self.shared);
            }
        }
        self.producer = Producer::default();
        self.fault = None;
        self.ring.clear_produced();
    }

    /// Copies a frame into the pool and writes its descriptors. It is on its way with the next [`Sender::publish`].
    ///
    /// # Errors
    /// [`Refusal`]; it is counted, and nothing was taken.
    pub fn send<'s>(
        &mut self,
        frame: impl Iterator<Item = Source<'s>> + Clone,
        offload: Offload,
    ) -> Result<(), Refusal> {
        let len: usize = frame.clone().map(Source::len).sum();
        if !(MIN_FRAME..=MAX_FRAME).contains(&len) {
            self.counters.length.add(1);
            return Err(Refusal::Length);
        }
        if !self.live {
            self.counters.link_down.add(1);
            return Err(Refusal::LinkDown);
        }
        let pieces = len.div_ceil(BUFFER_LEN as usize) as u32;
        if self.producer.free() < pieces && !self.find_slots(pieces)? {
            self.counters.ring_full.add(1);
            return Err(Refusal::NoRoom);
        }
        self.write_pieces(Frame { rest: Source::from(&[][..]), segments: frame }, len, offload)?;
        self.counters.frames.add(1);
        Ok(())
    }

    fn find_slots(&mut self, pieces: u32) -> Result<bool, Refusal> {
        self.reclaim()?;
        Ok(self.producer.free() >= pieces)
    }

    fn write_pieces<'s>(
        &mut self,
        mut frame: Frame<'s, impl Iterator<Item = Source<'s>>>,
        len: usize,
        offload: Offload,
    ) -> Result<(), Refusal> {
        let mut left = len;
        let mut written = 0;
        while left > 0 {
            let buffer = match self.buffer() {
                Ok(Some(buffer)) => buffer,
                other => {
                    self.unwrite(written);
                    return Err(other.err().unwrap_or_else(|| self.no_buffers()));
                }
            };
            let piece = left.min(BUFFER_LEN as usize);
            frame.copy_into(&self.pool, buffer, piece);
            left -= piece;
            let first = Piece { offset: buffer.offset(), len: piece as u32, more: left > 0 };
            let second = if written == 0 { offload.to_word() } else { 0 };
            self.in_slot[(self.producer.next() % RING_SLOTS) as usize] = Some(buffer);
            self.producer.write(&self.ring, [first.to_word(), second]);
            written += 1;
        }
        Ok(())
    }

    fn no_buffers(&self) -> Refusal {
        self.counters.pool_full.add(1);
        Refusal::NoRoom
    }

    /// A buffer: of our own; else of what the peer has consumed meanwhile; else a shared one. In this order, so that few
    /// are in use as long as the peer keeps up.
    fn buffer(&mut self) -> Result<Option<Buffer>, Refusal> {
        if let Some(buffer) = self.own.pop() {
            return Ok(Some(buffer));
        }
        self.reclaim()?;
        Ok(self.own.pop().or_else(|| self.shared.pop()))
    }

    /// Takes back the last `count` descriptors, which are not published.
    fn unwrite(&mut self, count: u32) {
        for back in 1..=count {
            self.give_back(self.producer.next().wrapping_sub(back));
        }
        self.producer.unwrite(count);
    }

    /// Takes back the buffers of what the peer has consumed.
    fn reclaim(&mut self) -> Result<(), Refusal> {
        let (first, count) = self.producer.reclaim(&self.ring).map_err(|fault| {
            self.fault = Some(fault);
            self.live = false;
            self.counters.link_down.add(1);
            Refusal::LinkDown
        })?;
        for number in 0..count {
            self.give_back(first.wrapping_add(number));
        }
        Ok(())
    }

    fn give_back(&mut self, number: u32) {
        if let Some(buffer) = self.in_slot[(number % RING_SLOTS) as usize].take() {
            self.own.give_back(buffer, self.shared);
        }
    }

    /// Publishes what was sent since the last time, as one burst.
    pub fn publish(&mut self) -> Wake {
        self.counters.bursts.add(u64::from(self.producer.unpublished() > 0));
        self.producer.publish(&self.ring)
    }

    /// Whether the largest frame would find room. Of a sender that is not live: true, so that nobody waits for it.
    pub fn has_room(&mut self) -> bool {
        if self.knows_room() {
            return true;
        }
        // A fault has taken it down, and then nobody may wait for it either.
        !self.live || self.reclaim().is_err() || self.knows_room()
    }

    fn knows_room(&self) -> bool {
        self.producer.free() as usize >= MAX_PIECES && self.own.could_have(MAX_PIECES, self.shared)
    }

    /// Asks to be rung when there is room, and looks once more: true if there is, and one need not wait. Publish before:
    /// what is not published will not be consumed. Whoever is rung asks again, since half of what was in flight need not
    /// be enough.
    pub fn await_room(&mut self) -> bool {
        loop {
            let asked = self.producer.ask_for_room(&self.ring);
            if self.has_room() {
                return true;
            }
            // Each time less than half as much is in flight as before, and of an idle lane the own buffers are room
            // enough: so this ends after a few rounds.
            if self.producer.to_come(asked) {
                return false;
            }
        }
    }
}

/// A frame on its way into the pool.
struct Frame<'s, S> {
    rest: Source<'s>,
    segments: S,
}

impl<'s, S: Iterator<Item = Source<'s>>> Frame<'s, S> {
    /// Copies the next `len` bytes into a buffer.
    fn copy_into(&mut self, pool: &Pool<'_>, buffer: Buffer, len: usize) {
        let mut done = 0;
        while done < len {
            if self.rest.is_empty() {
                let Some(next) = self.segments.next() else { return };
                self.rest = next;
            }
            let (now, rest) = self.rest.split_at(len - done);
            let copied = pool.copy_in(u64::from(buffer.offset()) + done as u64, now);
            debug_assert!(copied.is_ok(), "our buffers lie in our pool");
            done += now.len();
            self.rest = rest;
        }
    }
}
