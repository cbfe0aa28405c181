//! [`hosted`] for C, function by function as `include/sprig_vni_hosted.h` declares and explains it.
//!
//! | module | |
//! |---|---|
//! | [`opening`] | windows and endpoints: made, joined, closed |
//! | [`exchanging`] | frames in and out, and time |
//! | [`telling`] | who is who, how links stand, what was counted |
//! | [`failing`] | why a function has failed |
//!
//! An endpoint is one thread's at a time; different endpoints are independent. Whoever calls keeps to what C always
//! wants: a pointer is one that was given out and not closed since, or points to as much memory as the declaration says.
//! A null pointer is refused. What fails says why in [`failing::sprig_vni_last_error`]. No panic crosses the border.

// The interface hands over raw pointers: this is where they are believed, with the reason at every block.
#![allow(unsafe_code)]

pub mod exchanging;
pub mod failing;
pub mod opening;
pub mod telling;

#[cfg(test)]
mod tests;

use failing::Failure;
use hosted::{Endpoint, Lane};

/// The endpoint behind a pointer.
///
/// # Safety
/// It is null, or an endpoint that was given out and not closed since, and that no other thread uses until `'a` ends.
unsafe fn endpoint<'a>(endpoint: *mut Endpoint) -> Result<&'a mut Endpoint, Failure> {
    // SAFETY: by what the caller keeps to.
    unsafe { endpoint.as_mut() }.ok_or(Failure::Null("endpoint"))
}

fn lane(endpoint: &Endpoint, peer: u32, queue: u32) -> Result<Lane, Failure> {
    endpoint.lane(peer as usize, queue as usize).ok_or(Failure::NoLane { peer, queue })
}
