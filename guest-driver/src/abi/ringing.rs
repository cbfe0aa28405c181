//! Doorbells, both ways. See [`super`] for who may call what.

use shmem::header::Doorbell;
use vni::doorbell::{self, Address};

use super::{driver, is_peer};
use crate::station::Driver;

/// The doorbell of a partition's queue, if there is such a queue.
fn bell(driver: &Driver, partition: usize, queue: u32) -> Option<&'static Doorbell> {
    let queues = driver.shape().queues();
    driver.station().window().header(partition).doorbells[..queues].get(queue as usize)
}

/// Says where a queue is rung; vector 0: nowhere. Any.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_doorbell_publish(station: *const Driver, queue: u32, apic_id: u32, vector: u32) {
    let address = Address::from_word(u64::from(apic_id) << 32 | u64::from(vector));
    // SAFETY: by what the caller keeps to.
    let driver = unsafe { driver(station) };
    if let Some(bell) = bell(driver, driver.station().index(), queue) {
        doorbell::publish(bell, address);
    }
}

/// Takes what was rung at a queue, a bit for each partition. Poll of that queue.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_doorbell_take(station: *const Driver, queue: u32) -> u32 {
    // SAFETY: by what the caller keeps to.
    let driver = unsafe { driver(station) };
    bell(driver, driver.station().index(), queue).map_or(0, doorbell::take)
}

/// Rings a queue of a peer: the address to send an interrupt to, or 0. Any.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_ring(station: *const Driver, queue: u32, peer: u32) -> u64 {
    // SAFETY: by what the caller keeps to.
    let driver = unsafe { driver(station) };
    if !is_peer(driver, peer) {
        return 0;
    }
    let rung = bell(driver, peer as usize, queue).and_then(|bell| doorbell::ring(bell, driver.station().index()));
    rung.map_or(0, Address::to_word)
}

/// After an interrupt to `sent_to`: the address to send another to, or 0. Any.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_ring_again(station: *const Driver, queue: u32, peer: u32, sent_to: u64) -> u64 {
    // SAFETY: by what the caller keeps to.
    let driver = unsafe { driver(station) };
    let (true, Some(sent)) = (is_peer(driver, peer), Address::from_word(sent_to)) else { return 0 };
    let again = bell(driver, peer as usize, queue).and_then(|bell| doorbell::ring_again(bell, sent));
    again.map_or(0, Address::to_word)
}
