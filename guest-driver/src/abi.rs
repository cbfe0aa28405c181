//! The C interface, function by function as `sprig_vni_core.h` declares it.
//!
//! Every pointer to an endpoint is one that [`lifecycle::sprig_endpoint_open`] has filled and the shim has not freed
//! since. The documentation of a function ends with a word for its context:
//!
//! | | who may call it |
//! |---|---|
//! | any | any context, at any time |
//! | lock | the holder of that lane's transmit lock |
//! | receive | the holder of the receive lock of that lane's queue |
//! | poll | the poll of that queue, of which there is one at a time |
//! | links | the poll of the first queue |
//! | links and locks | the same, while it holds the receive locks of all queues and the transmit locks of that peer's lanes |

pub mod console;
pub mod control;
pub mod counters;
pub mod doorbell;
pub mod hold;
pub mod host;
pub mod lifecycle;
pub mod links;
pub mod receive;
pub mod send;
pub mod watch;

use core::ffi::c_void;

use crate::endpoint::Endpoint;

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

/// The endpoint behind a pointer.
///
/// # Safety
/// The pointer is one of an open endpoint.
unsafe fn deref<'a>(endpoint: *const Endpoint) -> &'a Endpoint {
    // SAFETY: the caller's pointer is one that `sprig_endpoint_open` was given, so an `Endpoint` is there; there is
    // never a `&mut Endpoint`.
    unsafe { &*endpoint }
}

fn is_peer(endpoint: &Endpoint, peer: u32) -> bool {
    (peer as usize) < endpoint.shape().partitions() && peer as usize != endpoint.port().index()
}

#[cfg(test)]
mod tests;
