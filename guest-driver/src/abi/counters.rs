//! Counters. See [`super`] for who may call what.

use core::ffi::c_char;
use core::ptr;

use vni::counters::COUNTERS;

use super::deref;
use crate::endpoint::Endpoint;

/// How many counters there are. Any.
#[unsafe(no_mangle)]
pub extern "C" fn sprig_counter_count() -> u32 {
    COUNTERS.len() as u32
}

/// The name of a counter, at most 31 bytes; null if there is none. Any.
#[unsafe(no_mangle)]
pub extern "C" fn sprig_counter_name(which: u32) -> *const c_char {
    COUNTERS.get(which as usize).map_or(ptr::null(), |counter| counter.name.as_ptr())
}

/// The value of a counter, summed over all lanes and links; 0 if there is none. Any.
///
/// # Safety
/// `endpoint` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_counter(endpoint: *const Endpoint, which: u32) -> u64 {
    let Some(counter) = COUNTERS.get(which as usize) else { return 0 };
    // SAFETY: the caller guarantees it.
    let endpoint = unsafe { deref(endpoint) };
    let lanes = endpoint.lanes();
    let (sent, received) = (lanes.iter().map(|lane| &lane.sent.0), lanes.iter().map(|lane| &lane.received.0));
    counter.total(sent, received, endpoint.statuses())
}
