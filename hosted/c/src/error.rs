//! How a failure is reported: by a result that means "failed", and a line of text.

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use hosted::{OpenError, WindowError, WindowServerError};

/// Why a function has failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("{0} is a null pointer")]
    Null(&'static str),
    #[error("{0} is not UTF-8")]
    Text(&'static str),
    #[error("there is no lane to partition {peer}, queue {queue}")]
    NoLane { peer: u32, queue: u32 },
    #[error("there is no partition {0}")]
    NoPartition(u32),
    #[error(transparent)]
    Shape(#[from] shmem::GeometryError),
    #[error(transparent)]
    Window(#[from] WindowError),
    #[error(transparent)]
    WindowServer(#[from] WindowServerError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("cannot wait: {0}")]
    Wait(#[from] std::io::Error),
    #[error("an error in Sprig itself: standard error has more")]
    Panic,
}

thread_local! {
    static LAST: RefCell<Option<CString>> = const { RefCell::new(None) };
}

/// The result of `work`; or `failed`, with the text of the error kept for [`sprig_vni_last_error`].
pub(super) fn attempt<T>(failed: T, work: impl FnOnce() -> Result<T, CallError>) -> T {
    // Whatever a panic has left half done harms neither the kernel nor a peer, and the caller learns of it.
    let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(CallError::Panic));
    outcome.unwrap_or_else(|why| {
        let text = CString::new(why.to_string().replace('\0', " ")).unwrap_or_default();
        LAST.with_borrow_mut(|last| *last = Some(text));
        failed
    })
}

/// Why the last function that failed in this thread did, as one line; null if none has. It stays until the next fails.
#[unsafe(no_mangle)]
pub extern "C" fn sprig_vni_last_error() -> *const c_char {
    LAST.with_borrow(|last| last.as_ref().map_or(ptr::null(), |text| text.as_ptr()))
}
