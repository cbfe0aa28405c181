//! Addresses, the state of links, and counters. See [`crate`] for what callers must guarantee.

use std::ffi::{CStr, c_char, c_int};

use hosted::{Endpoint, LinkState};

use crate::error::{CallError, attempt};

/// Nobody is there.
pub const LINK_IS_DOWN: c_int = 0;
/// Shaking hands.
pub const LINK_IS_CONNECTING: c_int = 1;
/// Frames cross.
pub const LINK_IS_UP: c_int = 2;
/// Its heartbeat has stopped.
pub const LINK_IS_STALLED: c_int = 3;

/// Our partition; -1: failed.
///
/// # Safety
/// As for all functions here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_index(endpoint: *mut Endpoint) -> c_int {
    // SAFETY: the caller guarantees it.
    attempt(-1, || Ok(unsafe { crate::endpoint(endpoint) }?.index() as c_int))
}

/// How many partitions the window has; -1: failed.
///
/// # Safety
/// As for all functions here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_partitions(endpoint: *mut Endpoint) -> c_int {
    // SAFETY: the caller guarantees it.
    attempt(-1, || Ok(unsafe { crate::endpoint(endpoint) }?.window().shape().partitions() as c_int))
}

/// How many queues each pair has; -1: failed.
///
/// # Safety
/// As for all functions here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_queues(endpoint: *mut Endpoint) -> c_int {
    // SAFETY: the caller guarantees it.
    attempt(-1, || Ok(unsafe { crate::endpoint(endpoint) }?.window().shape().queues() as c_int))
}

/// The address of a partition; 0, or -1: failed.
///
/// # Safety
/// As for all functions here; `mac` points to 6 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_mac(endpoint: *mut Endpoint, partition: u32, mac: *mut u8) -> c_int {
    attempt(-1, || {
        // SAFETY: the caller guarantees it; bytes have no alignment.
        let (endpoint, mac) = unsafe { (crate::endpoint(endpoint)?, mac.cast::<[u8; 6]>().as_mut()) };
        if partition as usize >= endpoint.window().shape().partitions() {
            return Err(CallError::NoPartition(partition));
        }
        *mac.ok_or(CallError::Null("mac"))? = endpoint.mac(partition as usize).octets();
        Ok(0)
    })
}

/// How the link to a peer stands; -1: failed.
///
/// # Safety
/// As for all functions here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_link(endpoint: *mut Endpoint, peer: u32) -> c_int {
    // SAFETY: the caller guarantees it.
    attempt(-1, || match unsafe { crate::endpoint(endpoint) }?.link(peer as usize) {
        LinkState::Down => Ok(LINK_IS_DOWN),
        LinkState::Connecting => Ok(LINK_IS_CONNECTING),
        LinkState::Up => Ok(LINK_IS_UP),
        LinkState::Stalled => Ok(LINK_IS_STALLED),
    })
}

/// The value of a counter; 0 if there is none of that name.
///
/// # Safety
/// As for all functions here; `name` ends with a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_counter(endpoint: *mut Endpoint, name: *const c_char) -> u64 {
    attempt(0, || {
        if name.is_null() {
            return Err(CallError::Null("name"));
        }
        // SAFETY: the caller guarantees it.
        let (endpoint, name) = unsafe { (crate::endpoint(endpoint)?, CStr::from_ptr(name)) };
        Ok(name.to_str().map_or(0, |name| endpoint.counter(name)))
    })
}
