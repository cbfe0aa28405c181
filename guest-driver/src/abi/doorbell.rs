//! Doorbells, both ways. See [`super`] for who may call what.

use shmem::header::Doorbell;
use vni::doorbell::{self, Address};

use super::{deref, is_peer};
use crate::endpoint::Endpoint;

/// The doorbell of a partition's queue, if there is such a queue.
fn bell(endpoint: &Endpoint, partition: usize, queue: u32) -> Option<&'static Doorbell> {
    let queues = endpoint.shape().queues();
    endpoint.port().window().header(partition).doorbells[..queues].get(queue as usize)
}

/// Publishes where a queue is rung; vector 0: nowhere. Any.
///
/// # Safety
/// `endpoint` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_doorbell_publish(endpoint: *const Endpoint, queue: u32, apic_id: u32, vector: u32) {
    let address = Address::from_word(u64::from(apic_id) << 32 | u64::from(vector));
    // SAFETY: the caller guarantees it.
    let endpoint = unsafe { deref(endpoint) };
    if let Some(bell) = bell(endpoint, endpoint.port().index(), queue) {
        doorbell::publish(bell, address);
    }
}

/// Takes the pending rings of a queue, a bit for each partition that rang. Poll of that queue.
///
/// # Safety
/// `endpoint` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_doorbell_take(endpoint: *const Endpoint, queue: u32) -> u32 {
    // SAFETY: the caller guarantees it.
    let endpoint = unsafe { deref(endpoint) };
    bell(endpoint, endpoint.port().index(), queue).map_or(0, doorbell::take)
}

/// Rings a queue of a peer: the address to send an interrupt to, or 0. Any.
///
/// # Safety
/// `endpoint` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_ring(endpoint: *const Endpoint, queue: u32, peer: u32) -> u64 {
    // SAFETY: the caller guarantees it.
    let endpoint = unsafe { deref(endpoint) };
    if !is_peer(endpoint, peer) {
        return 0;
    }
    let rung = bell(endpoint, peer as usize, queue).and_then(|bell| doorbell::ring(bell, endpoint.port().index()));
    rung.map_or(0, Address::to_word)
}

/// After an interrupt to `sent_to`: the address to send another to, or 0. Any.
///
/// # Safety
/// `endpoint` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_ring_again(endpoint: *const Endpoint, queue: u32, peer: u32, sent_to: u64) -> u64 {
    // SAFETY: the caller guarantees it.
    let endpoint = unsafe { deref(endpoint) };
    let (true, Some(sent)) = (is_peer(endpoint, peer), Address::from_word(sent_to)) else { return 0 };
    let again = bell(endpoint, peer as usize, queue).and_then(|bell| doorbell::ring_again(bell, sent));
    again.map_or(0, Address::to_word)
}
