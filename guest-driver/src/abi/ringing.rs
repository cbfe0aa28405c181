//! The doorbell, both ways. See [`super`] for who may call what.

use vni::doorbell::{self, Address};

use super::{driver, is_peer};
use crate::station::Driver;

/// Says where we are rung; vector 0: nowhere. Any.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_doorbell_publish(station: *const Driver, apic_id: u32, vector: u32) {
    let address = Address::from_word(u64::from(apic_id) << 32 | u64::from(vector));
    // SAFETY: by what the caller keeps to.
    doorbell::publish(&unsafe { driver(station) }.station().header(), address);
}

/// Takes what was rung, a bit for each partition. Poll.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_doorbell_take(station: *const Driver) -> u32 {
    // SAFETY: by what the caller keeps to.
    doorbell::take(&unsafe { driver(station) }.station().header())
}

/// Rings a peer: the address to send an interrupt to, or 0. Any.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_ring(station: *const Driver, peer: u32) -> u64 {
    // SAFETY: by what the caller keeps to.
    let driver = unsafe { driver(station) };
    if !is_peer(driver, peer) {
        return 0;
    }
    let station = driver.station();
    doorbell::ring(&station.window().header(peer as usize), station.index()).map_or(0, Address::to_word)
}

/// After an interrupt to `sent_to`: the address to send another to, or 0. Any.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_ring_again(station: *const Driver, peer: u32, sent_to: u64) -> u64 {
    // SAFETY: by what the caller keeps to.
    let driver = unsafe { driver(station) };
    let (true, Some(sent)) = (is_peer(driver, peer), Address::from_word(sent_to)) else { return 0 };
    let header = driver.station().window().header(peer as usize);
    doorbell::ring_again(&header, sent).map_or(0, Address::to_word)
}
