//! Time, and links. See [`super`] for who may call what.

use super::driver;
use crate::station::Driver;

/// Results of [`sprig_link_step`]: the peer must be rung.
pub const LINK_RING: u32 = 1;
/// The link can be sent to now, or cannot any more.
pub const LINK_CHANGED: u32 = 2;

/// Lets the heartbeat go on. Any, but one caller at a time.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_tick(station: *const Driver) {
    // SAFETY: by what the caller keeps to.
    unsafe { driver(station) }.station().tick();
}

/// Whether a step of that link could change anything. Links.
///
/// # Safety
/// `station` is an open one, and the caller is the poll of the first queue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_link_wants_step(station: *const Driver, peer: u32) -> bool {
    // SAFETY: by what the caller keeps to.
    let driver = unsafe { driver(station) };
    // SAFETY: the caller is that poll.
    let link = unsafe { driver.link(peer as usize) };
    link.is_some_and(|link| link.wants_step(driver.station().now()))
}

/// Steps the link to a peer. Links and locks.
///
/// # Safety
/// `station` is an open one; the caller is the poll of the first queue, and holds the receive locks of all queues and the
/// transmit locks of all lanes of `peer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_link_step(station: *const Driver, peer: u32) -> u32 {
    // SAFETY: by what the caller keeps to.
    let driver = unsafe { driver(station) };
    let shape = driver.shape();
    let lanes = || (0..shape.queues()).map(|queue| queue * shape.partitions() + peer as usize);
    // SAFETY: the caller holds these lanes' locks of both kinds, and each closure's borrow ends before the next.
    let (sender, receiver) = (|lane| unsafe { driver.sender(lane) }, |lane| unsafe { driver.receiver(lane) });
    // SAFETY: the caller is that poll.
    let Some(link) = (unsafe { driver.link(peer as usize) }) else { return 0 };

    let found = |lane| {
        let sent = sender(lane).and_then(|sender| sender.take_fault());
        sent.or(receiver(lane).and_then(|receiver| receiver.take_fault()))
    };
    // All are taken, one is told: a fault that is left would be told again later.
    let fault = lanes().fold(None, |first, lane| first.or(found(lane)));
    let stepped = link.step(driver.station().now(), driver.station().is_open(), fault, || {
        lanes().filter_map(sender).for_each(|sender| sender.reset());
        lanes().filter_map(receiver).for_each(|receiver| receiver.reset());
    });
    lanes().filter_map(sender).for_each(|sender| sender.set_live(stepped.send));
    lanes().filter_map(receiver).for_each(|receiver| receiver.set_live(stepped.receive));
    let told = |what, bit| if what { bit } else { 0 };
    told(stepped.ring, LINK_RING) | told(stepped.changed, LINK_CHANGED)
}

/// How the link to a peer stands. Any.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_link_state(station: *const Driver, peer: u32) -> u32 {
    // SAFETY: by what the caller keeps to.
    let shown = unsafe { driver(station) }.shown();
    shown.get(peer as usize).map_or(0, |shown| shown.state().into())
}
