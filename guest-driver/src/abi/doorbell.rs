//! Doorbells, both ways. See [`super`] for who may call what.

use core::slice;

use shmem::header::Doorbell;
use vni::doorbell::{self, Address, BadAddress};

use super::{deref, is_peer};
use crate::endpoint::Endpoint;

/// The cores of a peer.
#[repr(C)]
pub struct Cores {
    /// Their APIC IDs.
    pub apic_ids: *const u32,
    /// How many there are.
    pub count: u32,
    /// The highest APIC ID that this instance can send an interrupt to.
    pub most: u32,
}

/// Results of [`sprig_ring`] that are no addresses: nothing is to be sent.
pub const RING_NONE: u64 = 0;
/// The peer has published a vector that no device has.
pub const RING_BAD_VECTOR: u64 = 1;
/// The peer has published a core that is not its own.
pub const RING_BAD_CORE: u64 = 2;
/// The peer has published a core that cannot be reached.
pub const RING_OUT_OF_REACH: u64 = 3;

/// The result for an address that the peer has published.
///
/// # Safety
/// `cores` is readable, and so are the APIC IDs that it names.
unsafe fn checked(address: Option<Address>, cores: *const Cores) -> u64 {
    let Some(address) = address else { return RING_NONE };
    // SAFETY: the caller guarantees it.
    let apic_ids = unsafe { slice::from_raw_parts((*cores).apic_ids, (*cores).count as usize) };
    // SAFETY: as above.
    let most = unsafe { (*cores).most };
    match address.check(doorbell::Cores { apic_ids, most }) {
        Ok(address) => address.to_word(),
        Err(BadAddress::Vector) => RING_BAD_VECTOR,
        Err(BadAddress::Core) => RING_BAD_CORE,
        Err(BadAddress::OutOfReach) => RING_OUT_OF_REACH,
    }
}

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
    if (queue as usize) < endpoint.shape().queues() {
        endpoint.port().publish_doorbell(queue as usize, address);
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

/// Rings a queue of a peer: the address to send an interrupt to, or one of the results that are none. Any.
///
/// # Safety
/// `endpoint` is an open one; `cores` are those of the peer, and readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_ring(endpoint: *const Endpoint, queue: u32, peer: u32, cores: *const Cores) -> u64 {
    // SAFETY: the caller guarantees it.
    let endpoint = unsafe { deref(endpoint) };
    if !is_peer(endpoint, peer) {
        return RING_NONE;
    }
    let rung = bell(endpoint, peer as usize, queue).and_then(|bell| doorbell::ring(bell, endpoint.port().index()));
    // SAFETY: the caller guarantees it.
    unsafe { checked(rung, cores) }
}

/// After an interrupt to `sent_to`: the address to send another to, or one of the results that are none. Any.
///
/// # Safety
/// `endpoint` is an open one; `cores` are those of the peer, and readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_ring_again(
    endpoint: *const Endpoint,
    queue: u32,
    peer: u32,
    cores: *const Cores,
    sent_to: u64,
) -> u64 {
    // SAFETY: the caller guarantees it.
    let endpoint = unsafe { deref(endpoint) };
    let (true, Some(sent)) = (is_peer(endpoint, peer), Address::from_word(sent_to)) else { return RING_NONE };
    let again = bell(endpoint, peer as usize, queue).and_then(|bell| doorbell::ring_again(bell, sent));
    // SAFETY: the caller guarantees it.
    unsafe { checked(again, cores) }
}
