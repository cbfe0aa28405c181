//! Counters. See [`super`] for who may call what.

use core::ffi::{CStr, c_char};
use core::ptr;

use super::driver;
use crate::counters;
use crate::station::Driver;

/// How many counters there are. Any.
#[unsafe(no_mangle)]
pub extern "C" fn sprig_counter_count() -> u32 {
    counters::COUNT as u32
}

/// The name of a counter, at most 31 bytes; null if there is none. Any.
#[unsafe(no_mangle)]
pub extern "C" fn sprig_counter_name(which: u32) -> *const c_char {
    counters::name(which as usize).map_or(ptr::null(), CStr::as_ptr)
}

/// What a counter has come to. Any.
///
/// # Safety
/// `station` is an open one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_counter(station: *const Driver, which: u32) -> u64 {
    // SAFETY: by what the caller keeps to.
    counters::value(unsafe { driver(station) }, which as usize)
}
