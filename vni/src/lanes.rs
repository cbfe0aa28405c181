//! The lanes of one partition: numbered, made, and stepped together with their link.
//!
//! A lane is a queue to one peer; it has a sending end and a receiving end. A partition keeps its lanes in a table with
//! a slot for each queue and partition ([`LaneSlot`]). The slots of the partition itself stay empty.
//!
//! Those who keep such a table (an endpoint in a process, the Linux driver) differ in the memory that they keep it in
//! and in the locks that guard it. So [`assemble`] asks for the memory of each lane, and [`step_link`] is generic over
//! the access to the lanes ([`LinkLanes`]).

use shmem::Shape;
use shmem::ring::Ring;

use crate::buffers::SharedBuffers;
use crate::peer_link::{PeerLink, StepOutcome};
use crate::port::Port;
use crate::receiver::{self, Receiver, Watch};
use crate::ring::RingWords;
use crate::sender::{self, Sender};

/// The slot of a lane in the table of its partition: by queue, and then by peer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LaneSlot {
    /// The queue.
    pub queue: usize,
    /// The peer, or the partition itself: that slot is empty.
    pub peer: usize,
}

impl LaneSlot {
    /// The length of the table.
    pub fn count(shape: Shape) -> usize {
        shape.queues() * shape.partitions()
    }

    /// The slot at `index` of the table.
    pub fn at(index: usize, shape: Shape) -> Self {
        Self { queue: index / shape.partitions(), peer: index % shape.partitions() }
    }

    /// Its index in the table.
    pub fn index(self, shape: Shape) -> usize {
        self.queue * shape.partitions() + self.peer
    }
}

/// What the two ends of a lane refer to. Whoever makes lanes provides it.
#[derive(Clone, Copy, Debug)]
pub struct LaneRefs<'w> {
    /// What the sender counts.
    pub sent: &'w sender::Counters,
    /// What the receiver counts.
    pub received: &'w receiver::Counters,
    /// What a watchdog sees of the receiver.
    pub watch: &'w Watch,
}

/// The two ends of a lane.
pub struct LaneEnds<'w> {
    /// Sends into it.
    pub sender: Sender<'w>,
    /// Receives from it.
    pub receiver: Receiver<'w>,
}

/// Fills `buffers`, then makes both ends of each lane of a partition, with the lane's index in the table. All are idle
/// until their link is stepped. Call it once for each [`SharedBuffers`].
pub fn assemble<'w>(
    port: &Port<'w>,
    buffers: &'w SharedBuffers,
    refs: impl Fn(usize) -> LaneRefs<'w>,
) -> impl Iterator<Item = (usize, LaneEnds<'w>)> {
    let (window, me) = (port.window(), port.index());
    let shape = window.geometry().shape();
    buffers.fill(window.geometry().pool_len(), shape.lanes());
    let slots = (0..LaneSlot::count(shape)).map(move |index| LaneSlot::at(index, shape));
    let lanes = slots.filter(move |slot| slot.peer != me);
    lanes.enumerate().map(move |(number, slot)| {
        let LaneRefs { sent, received, watch } = refs(slot.index(shape));
        let (to, from) = (window.ring(me, slot.queue, slot.peer), window.ring(slot.peer, slot.queue, me));
        let sender = Sender::new(to, window.pool(me), number, buffers, sent);
        let receiver = Receiver::new(from, window.pool(slot.peer), received, watch);
        (slot.index(shape), LaneEnds { sender, receiver })
    })
}

/// Exclusive access to all lanes of one link.
pub trait LinkLanes<'w, R = Ring<'w>> {
    /// Calls `visit` with both ends of each lane.
    fn for_each(&mut self, visit: impl FnMut(&mut Sender<'w, R>, &mut Receiver<'w, R>));
}

/// Steps a link of `port` together with its lanes: a fault of a lane takes the link down, a new handshake resets the
/// lanes, and they are live while the link lets them.
pub fn step_link<'w, R: RingWords>(
    port: &Port<'_>,
    link: &mut PeerLink<'_>,
    lanes: &mut impl LinkLanes<'w, R>,
) -> StepOutcome {
    let mut fault = None;
    // Every lane gives up its fault, and the first one is reported: a fault left behind would be reported again later.
    lanes.for_each(|sender, receiver| {
        let (sent, received) = (sender.take_fault(), receiver.take_fault());
        fault = fault.or(sent).or(received);
    });
    let outcome = link.step(port.now(), port.is_open(), fault, || {
        lanes.for_each(|sender, receiver| {
            sender.reset();
            receiver.reset();
        });
    });
    lanes.for_each(|sender, receiver| {
        sender.set_live(outcome.send);
        receiver.set_live(outcome.receive);
    });
    outcome
}

impl<'w> LinkLanes<'w> for LaneEnds<'w> {
    fn for_each(&mut self, mut visit: impl FnMut(&mut Sender<'w>, &mut Receiver<'w>)) {
        visit(&mut self.sender, &mut self.receiver);
    }
}
