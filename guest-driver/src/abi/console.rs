//! Consoles: the rings of our own, and those of other partitions. See [`super`] for who may call what; of these, any context
//! may call all, but one at a time prints, and one at a time takes.
//!
//! Every pointer to a console is one to [`CONSOLE_BYTES`] of mapped memory, aligned to a page; whatever lies there will do.

use core::slice;
use core::sync::atomic::Ordering;

use control::console::{Console, LEN, Session};
use control::{ControlPage, State};

use super::control::partition;

/// Bytes of a console's rings.
pub const CONSOLE_BYTES: usize = LEN;

/// # Safety
/// The pointer is one to a console.
unsafe fn deref<'a>(console: *const Console) -> &'a Console {
    // SAFETY: the caller guarantees that so much is mapped; all of it are atomics, for which any bytes will do.
    unsafe { &*console }
}

/// Where the console of a partition lies; 0: it has none.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_console_address(page: *const ControlPage, index: u32) -> u64 {
    // SAFETY: the caller guarantees it.
    let partition = unsafe { partition(page, index) };
    // Acquire pairs with the release of `sprig_console_publish`: who sees the address sees the rings.
    partition.map_or(0, |partition| partition.console.load(Ordering::Acquire))
}

/// Says where our own console lies; 0: it is gone.
///
/// # Safety
/// `page` is a control page, and the partition is our own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_console_publish(page: *const ControlPage, index: u32, address: u64) {
    // SAFETY: the caller guarantees it.
    if let Some(partition) = unsafe { partition(page, index) } {
        partition.console.store(address, Ordering::Release);
    }
}

/// Whether a partition's kernel is there to take what is typed. If not, its memory may be about to be another's: nothing is
/// to be written there.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_console_takes_input(page: *const ControlPage, index: u32) -> bool {
    // SAFETY: the caller guarantees it.
    let partition = unsafe { partition(page, index) }.filter(|partition| !partition.is_pending());
    partition.is_some_and(|partition| partition.status().state == State::Running)
}

/// Shows that our own console is in use.
///
/// # Safety
/// `console` is a console, all of it zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_console_open(console: *const Console) {
    // SAFETY: the caller guarantees it.
    unsafe { deref(console) }.open();
}

/// Whether a console is in use there.
///
/// # Safety
/// `console` is a console.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_console_is_open(console: *const Console) -> bool {
    // SAFETY: the caller guarantees it.
    unsafe { deref(console) }.is_open()
}

/// Prints on our own console.
///
/// # Safety
/// `console` is a console, and nobody else prints there now; so many bytes can be read from `from` on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_console_print(console: *const Console, from: *const u8, len: u64) {
    // SAFETY: the caller guarantees it.
    unsafe { deref(console).print(slice::from_raw_parts(from, len as usize)) }
}

/// Takes what was typed at our own console, at most `len` bytes, and returns how many these are.
///
/// # Safety
/// `console` is a console, and nobody else takes there now; so many bytes can be written from `into` on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_console_take(console: *const Console, into: *mut u8, len: u64) -> u64 {
    // SAFETY: the caller guarantees it.
    unsafe { deref(console).take(slice::from_raw_parts_mut(into, len as usize)) as u64 }
}

/// Whether there is something to take. Cheap.
///
/// # Safety
/// `console` is a console.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_console_has_input(console: *const Console) -> bool {
    // SAFETY: the caller guarantees it.
    unsafe { deref(console) }.has_input()
}

/// The count of the oldest byte that is kept of what was printed.
///
/// # Safety
/// `console` is a console.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_console_oldest(console: *const Console) -> u64 {
    // SAFETY: the caller guarantees it.
    unsafe { deref(console) }.oldest()
}

/// Copies what was printed from the byte with the count `cursor` on, at most `len` bytes, and returns how many these are. The
/// cursor is moved behind them; it moves further than that if bytes before them were lost.
///
/// # Safety
/// `console` is a console; `cursor` and so many bytes from `into` on can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_console_read(console: *const Console, cursor: *mut u64, into: *mut u8, len: u64) -> u64 {
    // SAFETY: the caller guarantees it.
    unsafe { deref(console).read(&mut *cursor, slice::from_raw_parts_mut(into, len as usize)).len as u64 }
}

/// From now on that partition types. Returns its session, which is not 0.
///
/// # Safety
/// `console` is a console.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_console_attach(console: *const Console, index: u32) -> u64 {
    // SAFETY: the caller guarantees it.
    unsafe { deref(console) }.attach(index as usize).word()
}

/// Ends a session.
///
/// # Safety
/// `console` is a console.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_console_detach(console: *const Console, session: u64) {
    // SAFETY: the caller guarantees it.
    unsafe { deref(console) }.detach(Session::from_word(session));
}

/// Whether nobody has taken the place of that session.
///
/// # Safety
/// `console` is a console.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_console_is_attached(console: *const Console, session: u64) -> bool {
    // SAFETY: the caller guarantees it.
    unsafe { deref(console) }.is_attached(Session::from_word(session))
}

/// Types at the console of another, and returns how many bytes there was room for.
///
/// # Safety
/// `console` is a console; so many bytes can be read from `from` on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_console_type(console: *const Console, from: *const u8, len: u64) -> u64 {
    // SAFETY: the caller guarantees it.
    unsafe { deref(console).type_in(slice::from_raw_parts(from, len as usize)) as u64 }
}
