//! [`hosted`] for C, function by function as `include/sprig_vni_hosted.h` declares and explains it.
//!
//! | module | |
//! |---|---|
//! | [`lifecycle`] | windows and endpoints: made, joined, closed |
//! | [`exchange`] | frames in and out, and time |
//! | [`lending`] | frames that are read and written where they lie |
//! | [`status`] | addresses, the state of links, counters |
//! | [`error`] | why a function has failed |
//!
//! An endpoint is one thread's at a time; different endpoints are independent. Callers guarantee what C always demands:
//! a pointer is one that was given out and not closed since, or points to as much memory as the declaration says. A
//! null pointer is refused. What fails says why in [`error::sprig_vni_last_error`]. No panic crosses the interface.

// The interface hands over raw pointers: this is where they are believed, with the reason at every block.
#![allow(unsafe_code)]

pub mod error;
pub mod exchange;
pub mod lending;
pub mod lifecycle;
pub mod status;

#[cfg(test)]
mod tests;

use error::CallError;
use hosted::{Endpoint, Lane};

/// The endpoint behind a pointer.
///
/// # Safety
/// It is null, or an endpoint that was given out and not closed since, and that no other thread uses until `'a` ends.
unsafe fn endpoint<'a>(endpoint: *mut Endpoint) -> Result<&'a mut Endpoint, CallError> {
    // SAFETY: the caller guarantees it.
    unsafe { endpoint.as_mut() }.ok_or(CallError::Null("endpoint"))
}

fn lane(endpoint: &Endpoint, peer: u32, queue: u32) -> Result<Lane, CallError> {
    endpoint.lane(peer as usize, queue as usize).ok_or(CallError::NoLane { peer, queue })
}
