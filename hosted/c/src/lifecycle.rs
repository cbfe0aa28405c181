//! Windows and endpoints: made, joined, closed. See [`crate`] for what callers must guarantee.

use std::ffi::{CStr, c_char};
use std::path::Path;
use std::ptr;

use hosted::{Endpoint, Serving, WindowFile, WindowServer};
use shmem::Shape;

use crate::error::{CallError, attempt};

/// # Safety
/// `text` is null, or a string that ends with a zero byte.
unsafe fn text<'a>(text: *const c_char, what: &'static str) -> Result<&'a str, CallError> {
    if text.is_null() {
        return Err(CallError::Null(what));
    }
    // SAFETY: the caller guarantees it.
    unsafe { CStr::from_ptr(text) }.to_str().map_err(|_| CallError::Text(what))
}

/// Makes a window, and hands it out at `path` until the server is closed. Null: failed.
///
/// # Safety
/// As for all functions here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_server_open(
    path: *const c_char,
    box_name: *const c_char,
    partitions: u32,
    queues: u32,
    window_len: u64,
) -> *mut Serving {
    attempt(ptr::null_mut(), || {
        // SAFETY: the caller guarantees it.
        let (path, box_name) = unsafe { (text(path, "path")?, text(box_name, "box_name")?) };
        let shape = Shape::new(partitions as usize, queues as usize)?;
        let len = if window_len == 0 { WindowFile::default_len(shape) } else { window_len };
        let window = WindowFile::create(shape, len, box_name)?;
        Ok(Box::into_raw(Box::new(WindowServer::bind(Path::new(path), &window)?.spawn()?)))
    })
}

/// Hands it out no longer. Whoever has joined keeps it.
///
/// # Safety
/// As for all functions here; `server` is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_server_close(server: *mut Serving) {
    attempt((), || {
        if !server.is_null() {
            // SAFETY: it was made by `sprig_vni_server_open`, and nobody uses it again.
            drop(unsafe { Box::from_raw(server) });
        }
        Ok(())
    });
}

/// Joins the window that is handed out at `path`, as partition `index`; negative: the first that is free. Null: failed.
///
/// # Safety
/// As for all functions here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_join(path: *const c_char, index: i32) -> *mut Endpoint {
    attempt(ptr::null_mut(), || {
        // SAFETY: the caller guarantees it.
        let window = WindowFile::join(Path::new(unsafe { text(path, "path") }?))?;
        let endpoint = match usize::try_from(index) {
            Ok(index) => Endpoint::open(&window, index)?,
            Err(_) => Endpoint::open_any(&window)?,
        };
        Ok(Box::into_raw(Box::new(endpoint)))
    })
}

/// Takes its links down and gives the partition back.
///
/// # Safety
/// As for all functions here; `endpoint` is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_vni_close(endpoint: *mut Endpoint) {
    attempt((), || {
        if !endpoint.is_null() {
            // SAFETY: it was made by `sprig_vni_join`, and nobody uses it again.
            drop(unsafe { Box::from_raw(endpoint) });
        }
        Ok(())
    });
}
