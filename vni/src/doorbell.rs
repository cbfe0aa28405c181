//! Doorbells: how a sleeper is woken. Each queue of a partition has one, and a sleeper of its own; what has no queue,
//! the change of a link, rings queue 0 ([`LINK_QUEUE`]).
//!
//! ```text
//! ringer:   set our bit in the receiver's pending word; if the word was 0, send the interrupt to its address
//! receiver: exchange the pending word for 0, and then look at the rings
//! ```
//!
//! Both are locked instructions on one word: the receiver that takes the bit sees what was published before. If the
//! word was not 0, an interrupt is on its way, and its receiver has not looked yet.
//!
//! A receiver that appears publishes its address, FENCE, takes the word, and looks; a ringer reads the address after
//! its bit and a FENCE. So either the ringer finds the address, or the receiver finds the bit. One that moves to
//! another core publishes the new address, FENCE, and only then lets the old one go dead; a ringer reads the address
//! once more after it has sent and a FENCE, and sends again if it has changed. So no interrupt is lost on a core that
//! is no longer there. The tests in `vni/tests/loom` lose a doorbell with any of these fences removed, and none with
//! all in place.

use core::ops::RangeInclusive;
use core::sync::atomic::Ordering;

use shmem::header::Doorbell;
use shmem::order::full_fence;

/// The queue whose doorbell is rung when a link has changed.
pub const LINK_QUEUE: usize = 0;

/// Where to send an interrupt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address {
    /// Of the core.
    pub apic_id: u32,
    /// The interrupt vector, 16 to 255 (Intel SDM volume 3A, section 11.5.2).
    pub vector: u8,
}

impl Address {
    /// From a word; `None` if it names no vector that could be sent.
    pub fn from_word(word: u64) -> Option<Self> {
        let vector = u8::try_from(word as u32).ok().filter(|vector| *vector >= 16)?;
        Some(Self { apic_id: (word >> 32) as u32, vector })
    }

    /// As a word.
    pub fn to_word(self) -> u64 {
        u64::from(self.apic_id) << 32 | u64::from(self.vector)
    }

    /// The address itself, if an interrupt sent there by a real interrupt controller harms nobody but the peer: a peer
    /// may have published anything, even our own core and the vector by which Linux stops it.
    ///
    /// # Errors
    /// [`BadAddress`], the first cause that holds.
    pub fn check(self, cores: Cores<'_>) -> Result<Self, BadAddress> {
        if !LINUX_DEVICE_VECTORS.contains(&self.vector) || self.vector == LINUX_SYSTEM_CALL {
            Err(BadAddress::Vector)
        } else if !cores.apic_ids.contains(&self.apic_id) {
            Err(BadAddress::Core)
        } else if self.apic_id > cores.most {
            Err(BadAddress::OutOfReach)
        } else {
            Ok(self)
        }
    }
}

/// The vectors that Linux gives to devices: above the processor's own exceptions, and below its system vectors, of which
/// the lowest is that of posted interrupts (arch/x86/include/asm/irq_vectors.h of 6.1, 6.12 and 7.2).
const LINUX_DEVICE_VECTORS: RangeInclusive<u8> = 0x20..=0xea;
/// The vector of 32-bit system calls, in the middle of these.
const LINUX_SYSTEM_CALL: u8 = 0x80;

/// The cores at which a peer may be rung: its own, as the plan has them.
#[derive(Clone, Copy, Debug)]
pub struct Cores<'a> {
    /// Their APIC IDs.
    pub apic_ids: &'a [u32],
    /// The highest that our own interrupt controller can address. In xAPIC mode it is 254: 255 is everybody (Intel SDM
    /// volume 3A, section 11.6.1).
    pub most: u32,
}

/// Why nobody is rung at an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadAddress {
    /// Its vector is none of a device.
    Vector,
    /// Its core is none of the peer's.
    Core,
    /// Its core cannot be addressed from here.
    OutOfReach,
}

/// The words of a doorbell, as its owner and those who ring it use them.
pub trait DoorbellWords {
    /// Sets `bits` in the pending word, and returns what it was before. One locked instruction; partner of
    /// [`DoorbellWords::take_pending`], to which it hands on all that was published before.
    fn set_pending(&self, bits: u32) -> u32;
    /// Loads the pending word, to see whether taking it is worth while.
    fn pending(&self) -> u32;
    /// Exchanges the pending word for 0.
    fn take_pending(&self) -> u32;
    /// Loads the address; the fences before it order it.
    fn address(&self) -> u64;
    /// Stores the address; the fence after it orders it.
    fn set_address(&self, address: u64);
    /// The ringer's full fence between its bit and the address. Partner of [`DoorbellWords::fence_moved`]: of a ringer
    /// that finds no address and a receiver that appears, one sees the other.
    fn fence_set(&self);
    /// The owner's full fence between its new address and the pending word, and before the old address goes dead.
    fn fence_moved(&self);
    /// The ringer's full fence between its interrupt and looking at the address once more. Partner of
    /// [`DoorbellWords::fence_moved`]: a ringer whose interrupt went to a dead address sees the new one.
    fn fence_sent(&self);
}

impl DoorbellWords for Doorbell {
    fn set_pending(&self, bits: u32) -> u32 {
        self.pending.0.fetch_or(bits, Ordering::AcqRel)
    }

    fn pending(&self) -> u32 {
        self.pending.0.load(Ordering::Relaxed)
    }

    fn take_pending(&self) -> u32 {
        self.pending.0.swap(0, Ordering::AcqRel)
    }

    fn address(&self) -> u64 {
        self.address.0.load(Ordering::Relaxed)
    }

    fn set_address(&self, address: u64) {
        self.address.0.store(address, Ordering::Relaxed);
    }

    fn fence_set(&self) {
        full_fence();
    }

    fn fence_moved(&self) {
        full_fence();
    }

    fn fence_sent(&self) {
        full_fence();
    }
}

/// Publishes where we are rung; `None`: nowhere. Afterwards take the pending word, and look at the rings: a peer that
/// rang before may have found no address. The old address must stay alive until this returns.
pub fn publish(doorbell: &impl DoorbellWords, address: Option<Address>) {
    doorbell.set_address(address.map_or(0, Address::to_word));
    doorbell.fence_moved();
}

/// Takes the pending rings: a bit for each partition that rang.
pub fn take(doorbell: &impl DoorbellWords) -> u32 {
    // A load first: the locked exchange would fetch the line for writing each time. If it misses a bit that is just
    // being set, the interrupt for that bit is still to come.
    if doorbell.pending() == 0 { 0 } else { doorbell.take_pending() }
}

/// Rings a peer for partition `me`. Returns the address to send an interrupt to, if one is needed.
pub fn ring(peer: &impl DoorbellWords, me: usize) -> Option<Address> {
    if peer.set_pending(1 << me) != 0 {
        return None;
    }
    peer.fence_set();
    Address::from_word(peer.address())
}

/// After an interrupt was sent to `sent`: the address to send another to, if the peer has moved meanwhile.
pub fn ring_again(peer: &impl DoorbellWords, sent: Address) -> Option<Address> {
    peer.fence_sent();
    Address::from_word(peer.address()).filter(|now| *now != sent)
}

#[cfg(test)]
mod tests {
    use shmem::Shape;
    use shmem::heap::HeapWindow;

    use super::*;

    #[test]
    fn only_the_first_ring_sends_an_interrupt() {
        let memory = HeapWindow::new(1 << 20, Shape::new(3, 1).unwrap()).unwrap();
        let bell = &memory.window().header(2).doorbells[0];
        assert_eq!(ring(bell, 0), None, "nobody is there");
        assert_eq!(take(bell), 0b001);
        let address = Address { apic_id: 5, vector: 0x42 };
        publish(bell, Some(address));
        assert_eq!(ring(bell, 0), Some(address));
        assert_eq!(ring(bell, 1), None);
        assert_eq!(ring(bell, 0), None);
        assert_eq!(take(bell), 0b011);
        assert_eq!(take(bell), 0);
        assert_eq!(ring(bell, 1), Some(address));
    }

    #[test]
    fn each_queue_is_rung_by_itself() {
        let memory = HeapWindow::new(1 << 20, Shape::new(2, 3).unwrap()).unwrap();
        let bells = &memory.window().header(1).doorbells[..3];
        let address = |queue: usize| Address { apic_id: queue as u32, vector: 0x42 };
        bells.iter().enumerate().for_each(|(queue, bell)| publish(bell, Some(address(queue))));
        assert_eq!(ring(&bells[2], 0), Some(address(2)));
        assert_eq!(ring(&bells[0], 0), Some(address(0)), "though another is pending");
        assert_eq!([0, 1, 2].map(|queue| take(&bells[queue])), [1, 0, 1]);
    }

    #[test]
    fn a_ringer_notices_that_the_peer_has_moved() {
        let memory = HeapWindow::new(1 << 20, Shape::new(2, 1).unwrap()).unwrap();
        let bell = &memory.window().header(1).doorbells[0];
        let [old, new] = [5, 6].map(|apic_id| Address { apic_id, vector: 0x42 });
        publish(bell, Some(old));
        assert_eq!(ring(bell, 0), Some(old));
        assert_eq!(ring_again(bell, old), None);
        publish(bell, Some(new));
        assert_eq!(ring_again(bell, old), Some(new));
    }

    #[test]
    fn only_the_cores_of_the_peer_are_rung_and_only_by_vectors_of_devices() {
        let cores = Cores { apic_ids: &[2, 3, 255, 299], most: 254 };
        let check = |apic_id, vector| Address { apic_id, vector }.check(cores).map(|it| (it.apic_id, it.vector));
        for vector in 16..=u8::MAX {
            let is_fine = (0x20..0xeb).contains(&vector) && vector != 0x80;
            assert_eq!(
                check(3, vector),
                if is_fine { Ok((3, vector)) } else { Err(BadAddress::Vector) },
                "{vector:#x}"
            );
        }
        assert_eq!(check(1, 0x40), Err(BadAddress::Core), "our own, for example");
        assert_eq!(check(0x1ff, 0x40), Err(BadAddress::Core), "everybody, once it is cut to 8 bits");
        assert_eq!([255, 299].map(|core| check(core, 0x40)), [Err(BadAddress::OutOfReach); 2]);
        let by_x2apic = Cores { most: u32::MAX, ..cores };
        assert!(Address { apic_id: 299, vector: 0x40 }.check(by_x2apic).is_ok());
    }

    #[test]
    fn what_is_no_vector_is_not_sent() {
        for word in [0, 15, 0x100, 0x0000_0001_0000_0100, u64::MAX] {
            assert_eq!(Address::from_word(word), None, "{word:#x}");
        }
        let address = Address { apic_id: 299, vector: 0xef };
        assert_eq!(Address::from_word(address.to_word()), Some(address));
    }
}
