//! The doorbell: how a sleeper is woken.
//!
//! ```text
//! ringer:   set our bit in the receiver's pending word; if the word was 0, send the interrupt to its address
//! receiver: exchange the pending word for 0, and then look at the rings
//! ```
//!
//! Both are locked instructions and so full fences: what was published before ringing is seen by whoever takes the bit.
//! If the word was not 0, an interrupt is on its way whose receiver has not looked yet.
//!
//! A receiver that moves to another core publishes the new address, takes the word, and looks; a ringer reads the address
//! again after it has sent, and sends once more if it has changed. So one of the two notices.

use core::sync::atomic::{Ordering, fence};

use shmem::header::Header;

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
}

/// Says where we are rung; `None`: nowhere.
pub fn publish(header: &Header<'_>, address: Option<Address>) {
    header.doorbell.store(address.map_or(0, Address::to_word), Ordering::Release);
    // Whoever then looks at the pending word and the rings sees what was published before a ringer read the old address.
    fence(Ordering::SeqCst);
}

/// Takes what was rung: a bit for each partition.
pub fn take(header: &Header<'_>) -> u32 {
    // A load first: the locked exchange would fetch the line for writing each time.
    if header.pending.load(Ordering::Relaxed) == 0 {
        // Between a ringer's bit and our loads of the rings there must be a full fence also on this way out.
        fence(Ordering::SeqCst);
        return 0;
    }
    header.pending.swap(0, Ordering::SeqCst)
}

/// Rings `peer` for partition `me`. Returns the address to send an interrupt to, if one is needed.
pub fn ring(peer: &Header<'_>, me: usize) -> Option<Address> {
    let was = peer.pending.fetch_or(1 << me, Ordering::SeqCst);
    if was != 0 {
        return None;
    }
    Address::from_word(peer.doorbell.load(Ordering::Acquire))
}

/// After an interrupt was sent to `sent`: the address to send another to, if the peer has moved meanwhile.
pub fn ring_again(peer: &Header<'_>, sent: Address) -> Option<Address> {
    fence(Ordering::SeqCst);
    Address::from_word(peer.doorbell.load(Ordering::Acquire)).filter(|now| *now != sent)
}

#[cfg(test)]
mod tests {
    use shmem::Shape;
    use shmem::heap::HeapWindow;

    use super::*;

    #[test]
    fn only_the_first_ring_sends_an_interrupt() {
        let memory = HeapWindow::new(1 << 20, Shape::new(3, 1).unwrap()).unwrap();
        let header = memory.window().header(2);
        assert_eq!(ring(&header, 0), None, "nobody is there");
        assert_eq!(take(&header), 0b001);
        let address = Address { apic_id: 5, vector: 0x42 };
        publish(&header, Some(address));
        assert_eq!(ring(&header, 0), Some(address));
        assert_eq!(ring(&header, 1), None);
        assert_eq!(ring(&header, 0), None);
        assert_eq!(take(&header), 0b011);
        assert_eq!(take(&header), 0);
        assert_eq!(ring(&header, 1), Some(address));
    }

    #[test]
    fn a_ringer_notices_that_the_peer_has_moved() {
        let memory = HeapWindow::new(1 << 20, Shape::new(2, 1).unwrap()).unwrap();
        let header = memory.window().header(1);
        let [old, new] = [5, 6].map(|apic_id| Address { apic_id, vector: 0x42 });
        publish(&header, Some(old));
        assert_eq!(ring(&header, 0), Some(old));
        assert_eq!(ring_again(&header, old), None);
        publish(&header, Some(new));
        assert_eq!(ring_again(&header, old), Some(new));
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
