//! How a peer is rung: the protocol's pending word records who rang, and a [`Bell`](crate::bell::Bell) wakes.
//!
//! In the header an address is a core and a vector. Here the core is the partition's own index, and the vector always
//! the same: it only shows that the partition is present. A ringer knows its bell from the window's
//! files, whatever a peer may have written. All queues of a partition wake by the same bell.

use shmem::header::Doorbell;
use vni::doorbell::{self, Address};
use vni::port::Port;

use crate::window::WindowFile;

/// The vector of every endpoint in a process.
const VECTOR: u8 = 0x10;

/// Publishes our address, and takes what was rung before.
pub(crate) fn publish(port: &Port<'_>) {
    let address = Address { apic_id: port.index() as u32, vector: VECTOR };
    for queue in 0..bells(port).len() {
        port.publish_doorbell(queue, Some(address));
    }
    take(port);
}

/// Takes the pending rings. Afterwards look at links and rings.
pub(crate) fn take(port: &Port<'_>) {
    for bell in bells(port) {
        doorbell::take(bell);
    }
}

/// Our doorbells, one for each queue.
fn bells<'w>(port: &Port<'w>) -> &'w [Doorbell] {
    &port.header().doorbells[..port.window().geometry().shape().queues()]
}

/// Rings a queue of a peer, and returns whether its bell had to be rung. The address of a peer that is present
/// never changes, so one ring is enough.
pub(crate) fn ring(port: &Port<'_>, files: &WindowFile, peer: usize, queue: usize) -> bool {
    let bell = &port.window().header(peer).doorbells[queue];
    let (Some(_), Some(wakes)) = (doorbell::ring(bell, port.index()), files.bell(peer)) else {
        return false;
    };
    wakes.ring();
    true
}
