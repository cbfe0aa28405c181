//! Opening, starting, stopping; addresses. See [`super`] for who may call what.

use core::ffi::{c_int, c_void};
use core::ptr::{self, NonNull};
use core::slice;

use shmem::{GeometryError, Shape, Window};

use super::deref;
use crate::endpoint::Endpoint;

pub(super) const EINVAL: c_int = 22;
pub(super) const ENOSPC: c_int = 28;

pub(super) fn shape(partitions: u32, queues: u32) -> Result<Shape, GeometryError> {
    Shape::new(partitions as usize, queues as usize)
}

/// Bytes for an endpoint; 0 if there is no such shape. Any.
#[unsafe(no_mangle)]
pub extern "C" fn sprig_endpoint_bytes(partitions: u32, queues: u32) -> u64 {
    shape(partitions, queues).map_or(0, |shape| Endpoint::bytes(shape) as u64)
}

/// Makes an endpoint in `memory`. Returns 0, or `-EINVAL` for a partition that does not exist, `-ENOSPC` for a window
/// that is too short.
///
/// # Safety
/// `memory`: [`sprig_endpoint_bytes`] zeroed bytes, aligned to 128, nobody else's. `window`: `window_len` mapped bytes,
/// aligned to a page, that stay until the endpoint is freed. `box_name`: `box_name_len` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_endpoint_open(
    memory: *mut c_void,
    window: *mut c_void,
    window_len: u64,
    partitions: u32,
    queues: u32,
    index: u32,
    box_name: *const u8,
    box_name_len: u64,
) -> c_int {
    let (Some(memory), Some(start)) = (NonNull::new(memory.cast()), NonNull::new(window.cast())) else {
        return -EINVAL;
    };
    let Ok(shape) = shape(partitions, queues) else { return -EINVAL };
    // SAFETY: the caller guarantees it.
    let name = unsafe { slice::from_raw_parts(box_name, box_name_len as usize) };
    let (true, Ok(name)) = (index < partitions, str::from_utf8(name)) else { return -EINVAL };
    // SAFETY: the window is mapped for as long as the endpoint is there, and so for as long as anything made of it is
    // used; other instances touch it as we do.
    let Ok(window) = (unsafe { Window::new(start, window_len, shape) }) else { return -ENOSPC };
    // SAFETY: the caller guarantees it; `index` was checked.
    unsafe { Endpoint::open(memory, window, index as usize, name) };
    0
}

/// Announces that we are present. Any.
///
/// # Safety
/// `endpoint` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_endpoint_start(endpoint: *const Endpoint) {
    // SAFETY: the caller guarantees it.
    unsafe { deref(endpoint) }.port().start();
}

/// Takes every link down at once. Any.
///
/// # Safety
/// `endpoint` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_endpoint_stop(endpoint: *const Endpoint) {
    // SAFETY: the caller guarantees it.
    unsafe { deref(endpoint) }.port().stop();
}

/// The address of a partition. Any.
///
/// # Safety
/// `endpoint` is an open one; `mac` points to 6 writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_mac(endpoint: *const Endpoint, partition: u32, mac: *mut [u8; 6]) {
    // SAFETY: the caller guarantees it.
    unsafe { ptr::write(mac, deref(endpoint).port().mac(partition as usize).octets()) };
}

/// The partition that an address leads to; -1: to all. Any.
///
/// # Safety
/// `endpoint` is an open one; `mac` points to 6 readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_partition_of(endpoint: *const Endpoint, mac: *const [u8; 6]) -> c_int {
    // SAFETY: the caller guarantees it. It may stand at any address: bytes have no alignment.
    let (port, mac) = unsafe { (deref(endpoint).port(), ptr::read(mac)) };
    port.destination(mac).map_or(-1, |index| index as c_int)
}
