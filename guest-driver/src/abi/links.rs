//! Time, and links. See [`super`] for who may call what.

use super::deref;
use crate::endpoint::Endpoint;

/// Results of [`sprig_link_step`]: the peer must be rung.
pub const LINK_RING: u32 = 1;
/// The link can be sent to now, or cannot any more.
pub const LINK_CHANGED: u32 = 2;

/// Lets the heartbeat go on. Any, but one caller at a time.
///
/// # Safety
/// `endpoint` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_tick(endpoint: *const Endpoint) {
    // SAFETY: the caller guarantees it.
    unsafe { deref(endpoint) }.port().tick();
}

/// Whether a step of that link could change anything. Links.
///
/// # Safety
/// `endpoint` is an open one, and the caller is the poll of the first queue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_link_wants_step(endpoint: *const Endpoint, peer: u32) -> bool {
    // SAFETY: the caller guarantees it.
    let endpoint = unsafe { deref(endpoint) };
    // SAFETY: the caller is that poll.
    let link = unsafe { endpoint.link(peer as usize) };
    link.is_some_and(|link| link.wants_step(endpoint.port().now()))
}

/// Steps the link to a peer. Links and locks.
///
/// # Safety
/// `endpoint` is an open one; the caller is the poll of the first queue, and holds the receive locks of all queues and
/// the transmit locks of all lanes of `peer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_link_step(endpoint: *const Endpoint, peer: u32) -> u32 {
    // SAFETY: the caller guarantees it.
    let endpoint = unsafe { deref(endpoint) };
    // SAFETY: the caller is that poll and holds these locks.
    let outcome = unsafe { endpoint.step(peer as usize) };
    let flag = |set, bit| if set { bit } else { 0 };
    flag(outcome.ring, LINK_RING) | flag(outcome.changed, LINK_CHANGED)
}

/// How the link to a peer stands. Any.
///
/// # Safety
/// `endpoint` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_link_state(endpoint: *const Endpoint, peer: u32) -> u32 {
    // SAFETY: the caller guarantees it.
    let statuses = unsafe { deref(endpoint) }.statuses();
    statuses.get(peer as usize).map_or(0, |status| status.state().into())
}
