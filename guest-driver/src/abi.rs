//! The C interface, function by function as `sprig_vni_core.h` declares it.
//!
//! Every pointer to a station is one that [`opening::sprig_station_open`] was given and that has not been freed since. Contexts:
//!
//! | | who may call it |
//! |---|---|
//! | any | any context, at any time |
//! | lock | whoever holds the transmit lock of that lane |
//! | receive | whoever holds the receive lock of that lane's queue |
//! | poll | the poll of that queue, of which there is one at a time |
//! | links | the poll of the first queue |
//! | links and locks | the same, while it holds the receive locks of all queues and the transmit locks of that peer's lanes |

pub mod counting;
pub mod linking;
pub mod opening;
pub mod receiving;
pub mod ringing;
pub mod sending;

use core::ffi::c_void;

use crate::station::Driver;

/// Most segments of a frame in private memory.
pub const MAX_SEGMENTS: usize = 20;

/// Private memory of a frame.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Segment {
    /// Where it starts.
    pub at: *mut c_void,
    /// Its bytes.
    pub len: u64,
}

/// # Safety
/// As all functions here want of `station`.
unsafe fn driver<'a>(station: *const Driver) -> &'a Driver {
    // SAFETY: the caller's pointer is one that `sprig_station_open` was given, so a `Driver` is there; nobody ever has
    // a `&mut Driver`.
    unsafe { &*station }
}

fn is_peer(driver: &Driver, peer: u32) -> bool {
    (peer as usize) < driver.shape().partitions() && peer as usize != driver.station().index()
}

#[cfg(test)]
mod tests;
