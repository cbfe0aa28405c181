//! An endpoint of the virtual Ethernet, its port, lanes and links in one piece of memory that the shim has allocated.
//!
//! The parts that one context owns at a time are in cells: a [`Sender`] belongs to the holder of its transmit lock, a
//! [`Receiver`] to the holder of its queue's receive lock, a [`PeerLink`] to the first queue's poll. Everything else is
//! atomics. The parts refer to one another, so the memory must not move.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use core::slice;

use shmem::{MAX_PARTITIONS, Shape, Window};
use vni::buffers::SharedBuffers;
use vni::lanes::{self, LaneRefs, LaneSlot, LinkLanes};
use vni::peer_link::{LinkStatus, PeerLink, StepOutcome};
use vni::port::Port;
use vni::receiver::{self, Receiver};
use vni::sender::{self, Sender};

/// An endpoint in the shim's memory; its lanes follow it.
#[repr(C, align(128))]
pub struct Endpoint {
    port: MaybeUninit<Port<'static>>,
    /// One for each partition; our own place is empty.
    links: [UnsafeCell<Option<PeerLink<'static>>>; MAX_PARTITIONS],
    statuses: [LinkStatus; MAX_PARTITIONS],
    shape: MaybeUninit<Shape>,
    buffers: SharedBuffers,
}

/// What belongs to one peer and queue. A pair of lines lies between what two contexts write.
#[repr(C, align(128))]
pub(crate) struct Lane {
    sender: UnsafeCell<Option<Sender<'static>>>,
    pub(crate) sent: Padded<sender::Counters>,
    receiver: Padded<UnsafeCell<Option<Receiver<'static>>>>,
    pub(crate) received: Padded<receiver::Counters>,
    pub(crate) watch: Padded<receiver::Watch>,
}

/// Something that begins on a pair of lines of its own.
#[repr(C, align(128))]
#[derive(Default)]
pub(crate) struct Padded<T>(pub(crate) T);

// SAFETY: what is not an atomic is in cells, which the unsafe functions below hand out under their contracts.
unsafe impl Sync for Endpoint {}

impl Endpoint {
    /// Bytes for an endpoint of that shape with its lanes.
    pub(crate) fn bytes(shape: Shape) -> usize {
        size_of::<Self>() + LaneSlot::count(shape) * size_of::<Lane>()
    }

    /// Makes an endpoint for partition `me` in `memory`.
    ///
    /// # Safety
    /// `memory` must have [`Endpoint::bytes`] of the window's shape, be aligned to 128 bytes, be all zero, and be
    /// nobody else's until the shim frees it. `me` must be a partition of the window.
    pub(crate) unsafe fn open(memory: NonNull<u8>, window: Window<'static>, me: usize, box_name: &str) {
        let shape = window.geometry().shape();
        let endpoint = memory.cast::<Self>().as_ptr();
        // Field by field: as a value it would not fit on a kernel's stack. Zero bytes are a `SharedBuffers` with
        // nothing in it, and zeroed atomics for `statuses`, which are made of atomics only.
        // SAFETY: `endpoint` points to enough zeroed memory of the right alignment, which nobody else uses yet.
        unsafe {
            ptr::write(&raw mut (*endpoint).port, MaybeUninit::new(Port::new(window, me, box_name)));
            ptr::write(&raw mut (*endpoint).shape, MaybeUninit::new(shape));
            for link in 0..MAX_PARTITIONS {
                ptr::write(&raw mut (*endpoint).links[link], UnsafeCell::new(None));
            }
            for lane in 0..LaneSlot::count(shape) {
                Lane::open(endpoint.add(1).cast::<Lane>().add(lane));
            }
        }
        // SAFETY: every field has its value now, and the memory is ours until the shim frees it.
        let endpoint = unsafe { &*endpoint };
        // SAFETY: nobody else knows the endpoint yet.
        unsafe { endpoint.assemble() };
    }

    /// Gives each peer its link, its senders and its receivers.
    ///
    /// # Safety
    /// No other context may know the endpoint.
    unsafe fn assemble(&'static self) {
        let (port, lanes) = (self.port(), self.lanes());
        for (index, ends) in lanes::assemble(port, &self.buffers, |index| lanes[index].refs()) {
            // SAFETY: the caller guarantees that these cells are ours alone.
            unsafe {
                *lanes[index].sender.get() = Some(ends.sender);
                *lanes[index].receiver.0.get() = Some(ends.receiver);
            }
        }
        for peer in port.peers() {
            let link = PeerLink::new(port, peer, &self.statuses[peer]);
            // SAFETY: as above.
            unsafe { *self.links[peer].get() = Some(link) };
        }
    }

    /// The port, which all contexts share.
    pub(crate) fn port(&self) -> &Port<'static> {
        // SAFETY: `open` has written it before anybody could have an `Endpoint`.
        unsafe { self.port.assume_init_ref() }
    }

    /// Partitions and queues.
    pub(crate) fn shape(&self) -> Shape {
        // SAFETY: as for `port`.
        unsafe { self.shape.assume_init() }
    }

    /// The status of the link to each partition.
    pub(crate) fn statuses(&self) -> &[LinkStatus; MAX_PARTITIONS] {
        &self.statuses
    }

    /// The table of lanes, by [`LaneSlot`].
    pub(crate) fn lanes(&self) -> &'static [Lane] {
        // SAFETY: the lanes follow the endpoint in memory that stays until the shim frees it, and `open` has made
        // them. What contexts share in them is in cells or atomics.
        unsafe { slice::from_raw_parts(ptr::from_ref(self).add(1).cast::<Lane>(), LaneSlot::count(self.shape())) }
    }

    /// The sender of a lane.
    ///
    /// # Safety
    /// The caller must hold the lane's transmit lock for as long as it has it.
    #[expect(clippy::mut_from_ref, reason = "the lane's lock makes it exclusive")]
    pub(crate) unsafe fn sender(&self, lane: usize) -> Option<&mut Sender<'static>> {
        let cell = &self.lanes().get(lane)?.sender;
        // SAFETY: the caller keeps to the same contract.
        unsafe { (*cell.get()).as_mut() }
    }

    /// The receiver of a lane.
    ///
    /// # Safety
    /// The caller must hold the receive lock of the lane's queue for as long as it has it.
    #[expect(clippy::mut_from_ref, reason = "the queue's lock makes it exclusive")]
    pub(crate) unsafe fn receiver(&self, lane: usize) -> Option<&mut Receiver<'static>> {
        let cell = &self.lanes().get(lane)?.receiver.0;
        // SAFETY: the caller keeps to the same contract.
        unsafe { (*cell.get()).as_mut() }
    }

    /// The link to a peer.
    ///
    /// # Safety
    /// The caller must be the first queue's poll for as long as it has it.
    #[expect(clippy::mut_from_ref, reason = "there is one such poll")]
    pub(crate) unsafe fn link(&self, peer: usize) -> Option<&mut PeerLink<'static>> {
        let cell = self.links.get(peer)?;
        // SAFETY: the caller keeps to the same contract.
        unsafe { (*cell.get()).as_mut() }
    }

    /// Steps the link to a peer with its lanes.
    ///
    /// # Safety
    /// The caller must be the first queue's poll, and hold the receive locks of all queues and the transmit locks of
    /// all lanes of `peer`.
    pub(crate) unsafe fn step(&self, peer: usize) -> StepOutcome {
        // SAFETY: the caller is that poll.
        let Some(link) = (unsafe { self.link(peer) }) else { return StepOutcome::default() };
        lanes::step_link(self.port(), link, &mut LockedLanes { endpoint: self, peer })
    }
}

/// The lanes of the link to one peer. Having one means that the locks of both kinds of these lanes are held.
struct LockedLanes<'e> {
    endpoint: &'e Endpoint,
    peer: usize,
}

impl LinkLanes<'static> for LockedLanes<'_> {
    fn for_each(&mut self, mut visit: impl FnMut(&mut Sender<'static>, &mut Receiver<'static>)) {
        let shape = self.endpoint.shape();
        for queue in 0..shape.queues() {
            let lane = LaneSlot { queue, peer: self.peer }.index(shape);
            // SAFETY: the lane's locks are held, and the borrows end before the next lane's begin.
            let ends = unsafe { (self.endpoint.sender(lane), self.endpoint.receiver(lane)) };
            if let (Some(sender), Some(receiver)) = ends {
                visit(sender, receiver);
            }
        }
    }
}

impl Lane {
    fn refs(&self) -> LaneRefs<'_> {
        LaneRefs { sent: &self.sent.0, received: &self.received.0, watch: &self.watch.0 }
    }

    /// # Safety
    /// `lane` must point to zeroed memory of a lane that nobody else uses.
    unsafe fn open(lane: *mut Self) {
        // SAFETY: the caller guarantees it. Zeroed counters are counters.
        unsafe {
            ptr::write(&raw mut (*lane).sender, UnsafeCell::new(None));
            ptr::write(&raw mut (*lane).receiver, Padded(UnsafeCell::new(None)));
        }
    }
}
