//! Opening and closing, and who is who. See [`super`] for who may call what.

use core::ffi::c_int;
use core::ptr::{self, NonNull};
use core::slice;

use shmem::{GeometryError, Shape, Window};

use super::driver;
use crate::station::Driver;

pub(super) const EINVAL: c_int = 22;
pub(super) const ENOSPC: c_int = 28;

pub(super) fn shape(partitions: u32, queues: u32) -> Result<Shape, GeometryError> {
    Shape::new(partitions as usize, queues as usize)
}

/// Bytes for a station; 0 if there is no such shape. Any.
#[unsafe(no_mangle)]
pub extern "C" fn sprig_station_bytes(partitions: u32, queues: u32) -> u64 {
    shape(partitions, queues).map_or(0, |shape| Driver::bytes(shape) as u64)
}

/// Makes a station in `memory`. 0, or `-EINVAL` for a partition that there is none of, `-ENOSPC` for a window that is too
/// short.
///
/// # Safety
/// `memory`: [`sprig_station_bytes`] zeroed bytes, aligned to 128, nobody else's. `window`: `window_len` mapped bytes,
/// aligned to a page, that stay until the station is freed. `box_name`: `box_name_len` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_station_open(
    memory: *mut u8,
    window: *mut u8,
    window_len: u64,
    partitions: u32,
    queues: u32,
    index: u32,
    box_name: *const u8,
    box_name_len: u64,
) -> c_int {
    let (Some(memory), Some(start)) = (NonNull::new(memory), NonNull::new(window)) else { return -EINVAL };
    let Ok(shape) = shape(partitions, queues) else { return -EINVAL };
    // SAFETY: by what the caller keeps to.
    let name = unsafe { slice::from_raw_parts(box_name, box_name_len as usize) };
    let (true, Ok(name)) = (index < partitions, str::from_utf8(name)) else { return -EINVAL };
    // SAFETY: the window is mapped for as long as the station is there, and so for as long as anything made of it is
    // used; other instances touch it as we do.
    let Ok(window) = (unsafe { Window::new(start, window_len, shape) }) else { return -ENOSPC };
    // SAFETY: by what the caller keeps to; `index` was checked.
    unsafe { Driver::open(memory, window, index as usize, name) };
    0
}

/// Says that we are there. Any.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_station_start(station: *const Driver) {
    // SAFETY: by what the caller keeps to.
    unsafe { driver(station) }.station().start();
}

/// Takes every link down at once. Any.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_station_stop(station: *const Driver) {
    // SAFETY: by what the caller keeps to.
    unsafe { driver(station) }.station().stop();
}

/// The address of a partition. Any.
///
/// # Safety
/// `station` is an open one; `mac` points to 6 writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_mac(station: *const Driver, partition: u32, mac: *mut [u8; 6]) {
    // SAFETY: by what the caller keeps to.
    unsafe { ptr::write(mac, driver(station).station().mac(partition as usize).octets()) };
}

/// The partition that an address leads to; -1: to all. Any.
///
/// # Safety
/// `station` is an open one; `mac` points to 6 readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_partition_of(station: *const Driver, mac: *const [u8; 6]) -> c_int {
    // SAFETY: by what the caller keeps to. It may stand at any address: bytes have no alignment.
    let (station, mac) = unsafe { (driver(station).station(), ptr::read(mac)) };
    station.destination(mac).map_or(-1, |index| index as c_int)
}
