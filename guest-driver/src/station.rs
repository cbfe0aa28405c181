//! A station with its lanes and links, in one piece of memory that the shim has allocated.
//!
//! Parts that one context owns at a time are cells: a [`Sender`] is its transmit lock's, a [`Receiver`] its queue's receive
//! lock's, a [`PeerLink`] the first queue's poll's. Everything else is atomics. The parts refer to one another, so the
//! memory stays where it is.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use core::slice;

use shmem::{MAX_PARTITIONS, Shape, Window};
use vni::buffers::SharedBuffers;
use vni::receiver::{self, Receiver};
use vni::sender::{self, Sender};
use vni::station::{PeerLink, Shown, Station};

/// A station in the shim's memory; its lanes follow it.
#[repr(C, align(128))]
pub struct Driver {
    station: MaybeUninit<Station<'static>>,
    /// Of every peer; nothing at our own place.
    links: [UnsafeCell<Option<PeerLink<'static>>>; MAX_PARTITIONS],
    shown: [Shown; MAX_PARTITIONS],
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
unsafe impl Sync for Driver {}

impl Driver {
    /// Bytes for a station of that shape with its lanes.
    pub(crate) fn bytes(shape: Shape) -> usize {
        size_of::<Self>() + lane_count(shape) * size_of::<Lane>()
    }

    /// Makes a station for partition `me` in `memory`.
    ///
    /// # Safety
    /// `memory` must have [`Driver::bytes`] of the window's shape, be aligned to 128 bytes, be all zero, and be nobody
    /// else's until the driver is done with it. `me` must be a partition of the window.
    pub(crate) unsafe fn open(memory: NonNull<u8>, window: Window<'static>, me: usize, box_name: &str) {
        let shape = window.geometry().shape();
        let driver = memory.cast::<Self>().as_ptr();
        // Field by field: as a value it would not fit on a kernel's stack. Zero bytes are a `SharedBuffers` with nothing
        // in it, and zeroed atomics for `shown` (all of them are made of atomics).
        // SAFETY: `driver` points to enough zeroed memory of the right alignment, which nobody else uses yet.
        unsafe {
            ptr::write(&raw mut (*driver).station, MaybeUninit::new(Station::new(window, me, box_name)));
            ptr::write(&raw mut (*driver).shape, MaybeUninit::new(shape));
            for link in 0..MAX_PARTITIONS {
                ptr::write(&raw mut (*driver).links[link], UnsafeCell::new(None));
            }
            for lane in 0..lane_count(shape) {
                Lane::open(driver.add(1).cast::<Lane>().add(lane));
            }
        }
        // SAFETY: every field has its value now, and the memory is ours until the driver is done with it.
        let driver = unsafe { &*driver };
        driver.buffers.fill(window.geometry().pool_len(), shape.lanes());
        // SAFETY: nobody else knows the station yet.
        unsafe { driver.furnish(window, me) };
    }

    /// Gives every peer its link, its senders and its receivers.
    ///
    /// # Safety
    /// No other context may know the station.
    unsafe fn furnish(&'static self, window: Window<'static>, me: usize) {
        let shape = self.shape();
        let mut number = 0;
        for (index, lane) in self.lanes().iter().enumerate() {
            let (queue, peer) = (index / shape.partitions(), index % shape.partitions());
            if peer == me {
                continue;
            }
            let sender =
                Sender::new(window.ring(me, queue, peer), window.pool(me), number, &self.buffers, &lane.sent.0);
            let receiver =
                Receiver::new(window.ring(peer, queue, me), window.pool(peer), &lane.received.0, &lane.watch.0);
            // SAFETY: by what the caller keeps to, these cells are ours alone.
            unsafe {
                *lane.sender.get() = Some(sender);
                *lane.receiver.0.get() = Some(receiver);
            }
            number += 1;
        }
        for peer in (0..shape.partitions()).filter(|peer| *peer != me) {
            let link = PeerLink::new(self.station(), peer, &self.shown[peer]);
            // SAFETY: as above.
            unsafe { *self.links[peer].get() = Some(link) };
        }
    }

    /// What is shared by all contexts.
    pub(crate) fn station(&self) -> &Station<'static> {
        // SAFETY: `open` has written it before anybody could have a `Driver`.
        unsafe { self.station.assume_init_ref() }
    }

    /// Partitions and queues.
    pub(crate) fn shape(&self) -> Shape {
        // SAFETY: as for `station`.
        unsafe { self.shape.assume_init() }
    }

    /// How the link to a peer stands.
    pub(crate) fn shown(&self) -> &[Shown; MAX_PARTITIONS] {
        &self.shown
    }

    /// Every lane, by queue and then by peer; one's own are empty.
    pub(crate) fn lanes(&self) -> &'static [Lane] {
        // SAFETY: the lanes follow the driver in memory that stays until the driver is done with it, and `open` has made
        // them. What of them is shared is in cells or atomics.
        unsafe { slice::from_raw_parts(ptr::from_ref(self).add(1).cast::<Lane>(), lane_count(self.shape())) }
    }

    /// The sender of a lane.
    ///
    /// # Safety
    /// The caller must hold the lane's transmit lock for as long as it has it.
    #[expect(clippy::mut_from_ref, reason = "the lane's lock makes it exclusive")]
    pub(crate) unsafe fn sender(&self, lane: usize) -> Option<&mut Sender<'static>> {
        let cell = &self.lanes().get(lane)?.sender;
        // SAFETY: handed on.
        unsafe { (*cell.get()).as_mut() }
    }

    /// The receiver of a lane.
    ///
    /// # Safety
    /// The caller must hold the receive lock of the lane's queue for as long as it has it.
    #[expect(clippy::mut_from_ref, reason = "the queue's lock makes it exclusive")]
    pub(crate) unsafe fn receiver(&self, lane: usize) -> Option<&mut Receiver<'static>> {
        let cell = &self.lanes().get(lane)?.receiver.0;
        // SAFETY: handed on.
        unsafe { (*cell.get()).as_mut() }
    }

    /// The link to a peer.
    ///
    /// # Safety
    /// The caller must be the first queue's poll for as long as it has it.
    #[expect(clippy::mut_from_ref, reason = "there is one such poll")]
    pub(crate) unsafe fn link(&self, peer: usize) -> Option<&mut PeerLink<'static>> {
        let cell = self.links.get(peer)?;
        // SAFETY: handed on.
        unsafe { (*cell.get()).as_mut() }
    }
}

impl Lane {
    /// # Safety
    /// `lane` must point to zeroed memory of a lane that nobody else uses.
    unsafe fn open(lane: *mut Self) {
        // SAFETY: by what the caller keeps to. Zeroed counters are counters.
        unsafe {
            ptr::write(&raw mut (*lane).sender, UnsafeCell::new(None));
            ptr::write(&raw mut (*lane).receiver, Padded(UnsafeCell::new(None)));
        }
    }
}

fn lane_count(shape: Shape) -> usize {
    shape.queues() * shape.partitions()
}
