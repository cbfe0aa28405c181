//! One partition on the virtual Ethernet: its header page, its address, its time.
//!
//! A [`Port`] may be shared by any number of contexts: everything in it that changes is an atomic.

use core::array;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};

use shmem::header::{Header, MAGIC};
use shmem::{MAX_QUEUES, VERSION, Window};

use crate::doorbell::{self, Address};
use crate::link::{self, WindowWords};
use crate::mac::MacAddress;

/// The length of a tick, and so the period of the heartbeat.
pub const TICK_MS: u32 = 100;

/// A partition on the virtual Ethernet.
pub struct Port<'w> {
    window: Window<'w>,
    me: usize,
    mac: MacAddress,
    open: AtomicBool,
    tick: AtomicU32,
    /// Where we are rung, by queue, as we have published it.
    places: [AtomicU64; MAX_QUEUES],
}

impl<'w> Port<'w> {
    /// The port of partition `me` in the box `box_name`, closed.
    ///
    /// # Panics
    /// In debug builds, if the window has no such partition.
    pub fn new(window: Window<'w>, me: usize, box_name: &str) -> Self {
        debug_assert!(me < window.geometry().shape().partitions());
        let mac = MacAddress::new(box_name, me as u8);
        Self {
            window,
            me,
            mac,
            open: AtomicBool::new(false),
            tick: AtomicU32::new(0),
            places: array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// The window.
    pub fn window(&self) -> Window<'w> {
        self.window
    }

    /// Our index.
    pub fn index(&self) -> usize {
        self.me
    }

    /// The indices of all other partitions.
    pub fn peers(&self) -> impl Iterator<Item = usize> + use<> {
        let me = self.me;
        (0..self.window.geometry().shape().partitions()).filter(move |peer| *peer != me)
    }

    /// The address of a partition.
    pub fn mac(&self, partition: usize) -> MacAddress {
        self.mac.of_partition(partition as u8)
    }

    /// Which partition a frame to that address is for; `None`: all of them.
    pub fn destination(&self, address: [u8; 6]) -> Option<usize> {
        let index = usize::from(self.mac.partition_of(address)?);
        (index < self.window.geometry().shape().partitions()).then_some(index)
    }

    /// Our header page.
    pub fn header(&self) -> Header<'w> {
        self.window.header(self.me)
    }

    /// Announces that we are present. Links begin with their next step.
    pub fn start(&self) {
        self.announce();
        self.open.store(true, Ordering::SeqCst);
    }

    fn announce(&self) {
        let header = self.header();
        header.version.store(VERSION, Ordering::Relaxed);
        header.fingerprint.store(self.window.geometry().fingerprint(), Ordering::Relaxed);
        // Release, partner of the acquire in `PeerLink`.
        header.magic.store(MAGIC, Ordering::Release);
    }

    /// Publishes where a queue is rung; `None`: nowhere. See [`doorbell::publish`].
    ///
    /// # Panics
    /// If the layout has no such queue.
    pub fn publish_doorbell(&self, queue: usize, address: Option<Address>) {
        self.places[queue].store(address.map_or(0, Address::to_word), Ordering::Relaxed);
        // Partner of the acquire in `mend`: who sees the new address sees its place too.
        fence(Ordering::Release);
        doorbell::publish(&self.header().doorbells[queue], address);
    }

    /// Puts back what is published once and was written over: in a window that everybody can write to, a peer that did
    /// so for a moment must not keep us from others for ever.
    fn mend(&self) {
        self.announce();
        for (bell, place) in self.header().doorbells.iter().zip(&self.places) {
            // Not over what another context publishes just now; and once more, as that one may have moved there and back
            // meanwhile.
            for _ in 0..2 {
                let published = bell.address.0.load(Ordering::Acquire);
                let place = place.load(Ordering::Relaxed);
                if published != place {
                    let _ = bell.address.0.compare_exchange(published, place, Ordering::AcqRel, Ordering::Relaxed);
                }
            }
        }
    }

    /// Takes all links down at once. Any context may call it. Peers notice when they are rung.
    pub fn stop(&self) {
        self.open.store(false, Ordering::SeqCst);
        (0..MAX_QUEUES).for_each(|queue| self.publish_doorbell(queue, None));
        for peer in self.peers() {
            link::take_down(&self.link_words(peer));
        }
    }

    /// Whether it was started and not stopped.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Advances the heartbeat and our time by one tick.
    pub fn tick(&self) {
        if self.is_open() {
            self.mend();
        }
        let heartbeat = self.header().heartbeat;
        heartbeat.store(heartbeat.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        self.tick.store(self.now().wrapping_add(1), Ordering::Relaxed);
    }

    /// Our time, in ticks.
    pub fn now(&self) -> u32 {
        self.tick.load(Ordering::Relaxed)
    }

    /// The words of the link to `peer`.
    pub(crate) fn link_words(&self, peer: usize) -> WindowWords<'w> {
        WindowWords { mine: &self.header().links[peer], theirs: &self.window.header(peer).links[self.me] }
    }
}

#[cfg(test)]
mod tests {
    use shmem::Shape;
    use shmem::heap::HeapWindow;

    use super::*;

    fn memory() -> HeapWindow {
        HeapWindow::new(1 << 20, Shape::new(3, 1).unwrap()).unwrap()
    }

    #[test]
    fn frames_to_a_partition_of_the_box_go_there_and_all_others_to_everybody() {
        let memory = memory();
        let port = Port::new(memory.window(), 1, "pair");
        assert_eq!(port.destination(port.mac(2).octets()), Some(2));
        assert_eq!(port.destination(port.mac(3).octets()), None, "there is no such partition");
        assert_eq!(port.destination([0xff; 6]), None);
        assert_eq!(port.destination([0x52, 0, 0, 0, 0, 2]), None, "of another box");
    }

    #[test]
    fn what_was_written_over_is_put_back_with_the_next_tick() {
        let memory = memory();
        let port = Port::new(memory.window(), 1, "pair");
        let address = Address { apic_id: 3, vector: 0x42 };
        port.publish_doorbell(0, Some(address));
        port.start();
        let header = port.header();
        let spoil = || {
            header.magic.store(7, Ordering::Relaxed);
            header.version.store(7, Ordering::Relaxed);
            header.fingerprint.store(7, Ordering::Relaxed);
            header.doorbells.iter().for_each(|bell| bell.address.0.store(7 << 32 | 0x80, Ordering::Relaxed));
        };
        spoil();
        port.tick();
        let identity = (header.magic.load(Ordering::Relaxed), header.version.load(Ordering::Relaxed));
        assert_eq!(identity, (MAGIC, VERSION));
        assert_eq!(header.fingerprint.load(Ordering::Relaxed), port.window().geometry().fingerprint());
        let places = header.doorbells.each_ref().map(|bell| bell.address.0.load(Ordering::Relaxed));
        assert_eq!(places[..2], [address.to_word(), 0]);
        // One that is closed leaves the window alone.
        port.stop();
        spoil();
        port.tick();
        assert_eq!(header.magic.load(Ordering::Relaxed), 7);
    }

    #[test]
    fn time_and_heart_go_on_together() {
        let memory = memory();
        let port = Port::new(memory.window(), 2, "pair");
        (0..3).for_each(|_| port.tick());
        assert_eq!((port.now(), port.header().heartbeat.load(Ordering::Relaxed)), (3, 3));
    }
}
