//! Frames into a lane: copied into buffers of our pool, or written there, and named by descriptors of the ring.

use heapless::Vec;
use shmem::pool::{Pool, Span};
use shmem::ring::Ring;
use shmem::segment::Source;

use crate::buffers::SharedBuffers;
use crate::counter::Counter;
use crate::descriptor::{Offload, Piece};
use crate::fault::Fault;
use crate::packer::{MAX_BUFFERS_OF_FRAME, Packer};
use crate::ring::{Producer, RingWords, Wake};
use crate::{MAX_FRAME, MIN_FRAME};

/// Why a frame was not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SendError {
    /// The ring or the pool is full; nothing was taken.
    NoRoom,
    /// The link is not up: no peer would read it.
    LinkDown,
    /// It is shorter or longer than frames may be.
    Length,
}

/// What a sender has sent, and what it has refused, by cause.
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
    packer: Packer,
    /// Frames that are written and not published.
    frames: u64,
    live: bool,
    fault: Option<Fault>,
    shared: &'w SharedBuffers,
    counters: &'w Counters,
}

impl<'w, R: RingWords> Sender<'w, R> {
    /// The `number`-th lane of its partition, whose `shared` buffers have been filled; idle until its link is up.
    pub fn new(ring: R, pool: Pool<'w>, number: usize, shared: &'w SharedBuffers, counters: &'w Counters) -> Self {
        Self {
            ring,
            pool,
            producer: Producer::default(),
            packer: Packer::new(number, shared.own_count()),
            frames: 0,
            live: false,
            fault: None,
            shared,
            counters,
        }
    }

    /// Whether it sends, or refuses.
    #[inline]
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Lets it send, or makes it refuse.
    pub fn set_live(&mut self, live: bool) {
        self.live = live;
    }

    /// The peer's fault, if there is one; the next call returns none.
    pub fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// Starts anew: zeroes our words and takes every buffer back. Call it only while the peer reads neither.
    pub fn reset(&mut self) {
        self.packer.reset(self.shared);
        self.producer = Producer::default();
        self.frames = 0;
        self.fault = None;
        self.ring.clear_produced();
    }

    /// Copies a frame into the pool and writes its descriptors. It is on its way with the next [`Sender::publish`].
    ///
    /// # Errors
    /// [`SendError`]; it is counted, and nothing was taken.
    #[inline]
    pub fn send<'s>(
        &mut self,
        frame: impl Iterator<Item = Source<'s>> + Clone,
        offload: Offload,
    ) -> Result<(), SendError> {
        let len: usize = frame.clone().map(Source::len).sum();
        let mut frame = Frame { rest: Source::from(&[][..]), segments: frame };
        self.send_in_place(len, offload, |span| frame.copy_into(span))
    }

    /// Lends the memory for a frame of `len` bytes to `fill`, piece by piece in their order, and writes its descriptors.
    /// What `fill` leaves as it was is what an earlier frame to the same peer or another has left there.
    ///
    /// # Errors
    /// As for [`Sender::send`]; `fill` was not called.
    #[inline]
    pub fn send_in_place(&mut self, len: usize, offload: Offload, fill: impl FnMut(Span<'w>)) -> Result<(), SendError> {
        if !(MIN_FRAME..=MAX_FRAME).contains(&len) {
            self.counters.length.add(1);
            return Err(SendError::Length);
        }
        if !self.live {
            self.counters.link_down.add(1);
            return Err(SendError::LinkDown);
        }
        self.provide(len)?;
        self.write_pieces(len, offload, fill);
        self.frames += 1;
        Ok(())
    }

    /// Sets slots and buffers aside for a frame: those known to be free, else those that the peer has consumed
    /// meanwhile.
    #[inline]
    fn provide(&mut self, len: usize) -> Result<(), SendError> {
        let pieces = self.packer.pieces(len);
        if self.producer.free() < pieces {
            self.reclaim()?;
            if self.producer.free() < pieces {
                self.counters.ring_full.add(1);
                return Err(SendError::NoRoom);
            }
        }
        if self.packer.provide_own(len) {
            return Ok(());
        }
        // Shared ones only when all of our own are in use, so that few are as long as the peer keeps up.
        self.reclaim()?;
        if !self.packer.provide(len, self.shared) {
            self.counters.pool_full.add(1);
            return Err(SendError::NoRoom);
        }
        Ok(())
    }

    #[inline]
    fn write_pieces(&mut self, len: usize, offload: Offload, mut fill: impl FnMut(Span<'w>)) {
        let Some(first) = self.place_piece(len, 0, &mut fill) else { return };
        if !first.more {
            return self.producer.write(&self.ring, [first.to_word(), offload.to_word()]);
        }
        let mut left = len - first.len as usize;
        let mut pieces: Vec<Piece, MAX_BUFFERS_OF_FRAME> = Vec::new();
        let mut next = Some(first);
        while let Some(piece) = next {
            let kept = pieces.push(piece);
            debug_assert!(kept.is_ok(), "no frame needs more");
            next = if piece.more { self.place_piece(left, pieces.len() as u32, &mut fill) } else { None };
            left -= next.map_or(0, |next| next.len as usize);
        }
        // Only now: had `fill` panicked in the middle, the next frame would have been a part of this one.
        let mut second = offload.to_word();
        for piece in pieces {
            self.producer.write(&self.ring, [piece.to_word(), second]);
            second = 0;
        }
    }

    /// Has the next piece of a frame filled, of which `left` bytes are to come. So many of its descriptors go before.
    #[inline]
    fn place_piece(&mut self, left: usize, before: u32, fill: &mut impl FnMut(Span<'w>)) -> Option<Piece> {
        let place = self.packer.place(left, self.producer.next().wrapping_add(before));
        debug_assert!(place.is_some(), "buffers were provided");
        let place = place?;
        match self.pool.span(place.offset.into(), place.len as usize) {
            Ok(span) => fill(span),
            Err(_) => debug_assert!(false, "our buffers lie in our pool"),
        }
        Some(Piece { offset: place.offset, len: place.len, more: left > place.len as usize })
    }

    /// Takes back the buffers of what the peer has consumed.
    fn reclaim(&mut self) -> Result<(), SendError> {
        self.producer.reclaim(&self.ring).map_err(|fault| {
            self.fault = Some(fault);
            self.live = false;
            self.counters.link_down.add(1);
            SendError::LinkDown
        })?;
        self.packer.reclaim(&self.producer, self.shared);
        Ok(())
    }

    /// Publishes what was sent since the last time, as one burst.
    #[inline]
    pub fn publish(&mut self) -> Wake {
        self.counters.bursts.add(u64::from(self.frames > 0));
        self.counters.frames.add(self.frames);
        self.frames = 0;
        self.producer.publish(&self.ring)
    }

    /// Whether the largest frame would find room. True for a sender that is not live, so that no caller waits for it.
    pub fn has_room(&mut self) -> bool {
        if self.knows_room() {
            return true;
        }
        // If a fault has just taken it down, no caller may wait for it either.
        !self.live || self.reclaim().is_err() || self.knows_room()
    }

    fn knows_room(&self) -> bool {
        self.producer.free() as usize >= MAX_BUFFERS_OF_FRAME && self.packer.has_room(self.shared)
    }

    /// Asks to be rung when there is room, and looks once more: true if there is room already. Publish before:
    /// what is not published will not be consumed. Ask again when rung, since half of what was in flight may not be
    /// enough.
    pub fn await_room(&mut self) -> bool {
        loop {
            let asked = self.producer.ask_for_room(&self.ring);
            if self.has_room() {
                return true;
            }
            // In each round less than half as much is in flight as before, and the buffers that an idle lane owns are
            // room enough. So this ends after a few rounds.
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
    /// Copies the next bytes into a piece of the pool.
    #[inline]
    fn copy_into(&mut self, mut span: Span<'_>) {
        while !span.is_empty() {
            if self.rest.is_empty() {
                let Some(next) = self.segments.next() else { return };
                self.rest = next;
            }
            let (now, rest) = self.rest.split_at(span.len());
            span.copy_from(now);
            (span, self.rest) = (span.split_at(now.len()).1, rest);
        }
    }
}
