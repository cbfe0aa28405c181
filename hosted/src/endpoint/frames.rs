//! Frames in and out of an endpoint's lanes.

use shmem::pool::Span;
use shmem::segment::{Sink, Source};
use vni::descriptor::Offload;
use vni::lending::NotLent;
use vni::ring::Wake;
use vni::sender::{SendError, Sender};

use super::{Endpoint, Received};
use crate::lane::Lane;
use crate::lent::LentFrame;

impl Endpoint {
    /// Copies a frame into our pool. It is on its way with the next [`Endpoint::publish`].
    ///
    /// # Errors
    /// [`SendError`]; it is counted, and nothing was taken.
    #[inline]
    pub fn send(&mut self, lane: Lane, frame: &[u8], offload: Offload) -> Result<(), SendError> {
        self.send_segments(lane, [Source::from(frame)].into_iter(), offload)
    }

    /// [`Endpoint::send`], of a frame that lies in several segments.
    ///
    /// # Errors
    /// As for [`Endpoint::send`].
    #[inline]
    pub fn send_segments<'s>(
        &mut self,
        lane: Lane,
        frame: impl Iterator<Item = Source<'s>> + Clone,
        offload: Offload,
    ) -> Result<(), SendError> {
        self.send_by(lane, |sender| sender.send(frame, offload))
    }

    #[inline]
    fn send_by(
        &mut self,
        lane: Lane,
        send: impl FnOnce(&mut Sender<'static>) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        let Some(sender) = self.parts.sender(lane.index()) else { return Err(SendError::LinkDown) };
        let was_live = sender.is_live();
        let sent = send(sender);
        if was_live && sent == Err(SendError::LinkDown) {
            self.look_into(lane);
        }
        sent
    }

    /// Lends the memory for a frame of `len` bytes to `fill`, piece by piece in their order: 8 KiB or less each, so a short
    /// frame is one. It is on its way with the next [`Endpoint::publish`]. What `fill` leaves as it was is what an earlier
    /// frame, perhaps to another peer, has left there.
    ///
    /// # Errors
    /// As for [`Endpoint::send`]; `fill` was not called.
    #[inline]
    pub fn send_in_place(
        &mut self,
        lane: Lane,
        len: usize,
        offload: Offload,
        fill: impl FnMut(Span<'_>),
    ) -> Result<(), SendError> {
        self.send_by(lane, |sender| sender.send_in_place(len, offload, fill))
    }

    /// Publishes what was sent into a lane since the last time, as one burst, and rings the peer if it sleeps.
    #[inline]
    pub fn publish(&mut self, lane: Lane) {
        let Some(sender) = self.parts.sender(lane.index()) else { return };
        if sender.publish().is_needed() {
            self.ring(lane.peer(), lane.queue());
        }
    }

    /// Before sleeping for room in a lane: asks to be rung for it. True if the largest frame has room already, or if
    /// the lane is down. Publish before: what is not published will not be consumed.
    pub fn await_room(&mut self, lane: Lane) -> bool {
        self.parts.sender(lane.index()).is_none_or(|sender| sender.await_room())
    }

    /// Copies the frame that waits first in a lane into `buffer`. One that is longer than `buffer` is dropped and
    /// counted (`rx_drop_no_memory`), and so is one whose offload metadata do not fit it (`rx_drop_bad_offload`).
    #[inline]
    pub fn receive(&mut self, lane: Lane, buffer: &mut [u8]) -> Option<Received> {
        self.receive_into(lane, Sink::from(buffer))
    }

    /// [`Endpoint::receive`], into memory of another kind.
    #[inline]
    pub fn receive_into(&mut self, lane: Lane, mut buffer: Sink<'_>) -> Option<Received> {
        let receiver = self.parts.receiver(lane.index())?;
        loop {
            match receiver.peek() {
                Ok(Some(waiting)) if waiting.len > buffer.len() => receiver.skip(),
                Ok(Some(waiting)) => {
                    if receiver.take(&mut [buffer.reborrow().split_at(waiting.len).0]) {
                        return Some(Received { len: waiting.len, offload: waiting.offload });
                    }
                }
                Ok(None) => return None,
                Err(_) => {
                    self.look_into(lane);
                    return None;
                }
            }
        }
    }

    /// The frame that waits first in a lane, where it lies: see [`LentFrame`]. One whose offload metadata do not fit it is
    /// dropped and counted, as by [`Endpoint::receive`].
    #[inline]
    pub fn receive_lent(&mut self, lane: Lane) -> Option<LentFrame> {
        loop {
            let waiting = match self.parts.receiver(lane.index())?.peek() {
                Ok(waiting) => waiting?,
                Err(_) => {
                    self.look_into(lane);
                    return None;
                }
            };
            match self.parts.lend(lane.index()) {
                Ok(frame) => {
                    self.lends = true;
                    return Some(frame);
                }
                Err(NotLent::NoFrame) => return None,
                Err(NotLent::BadOffload) => {}
                Err(NotLent::Pieces) => {
                    let mut bytes = vec![0; waiting.len];
                    if self.parts.receiver(lane.index())?.take(&mut [Sink::from(&mut bytes[..])]) {
                        return Some(LentFrame::copied(bytes, waiting.offload));
                    }
                }
            }
        }
    }

    /// Tells senders of what other threads may have given back.
    pub(super) fn release_lent(&mut self) {
        if self.lends {
            self.lanes().for_each(|lane| self.release(lane));
        }
    }

    /// Gives back what was received from a lane since the last time, up to the first frame that is still
    /// [lent](Endpoint::receive_lent), as one burst, and rings the peer if it waits.
    #[inline]
    pub fn release(&mut self, lane: Lane) {
        if self.parts.release(lane.index()).is_some_and(Wake::is_needed) {
            self.ring(lane.peer(), lane.queue());
        }
    }
}
