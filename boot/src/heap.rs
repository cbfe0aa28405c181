//! The heap: what the linker script leaves of the resident range.

use spin::Mutex;
use talc::TalcLock;
use talc::source::Manual;

#[global_allocator]
static HEAP: TalcLock<Mutex<()>, Manual> = TalcLock::new(Manual);

unsafe extern "C" {
    static mut heap_start: u8;
    static mut heap_end: u8;
}

unsafe extern "C" {
    static RESIDENT_START: u8;
    static RESIDENT_END: u8;
}

/// The range that the linker script gives to the image: (first byte, one past the last).
pub fn linked_range() -> (u64, u64) {
    ((&raw const RESIDENT_START).addr() as u64, (&raw const RESIDENT_END).addr() as u64)
}

/// Hands the heap's memory to the allocator.
///
/// # Safety
/// To be called once, before anything is allocated.
pub unsafe fn open() {
    let start = &raw mut heap_start;
    let size = (&raw mut heap_end).addr() - start.addr();
    // SAFETY: the linker script gives these bytes to nobody else, and by the contract this is the first and only time
    // that they are claimed.
    unsafe {
        HEAP.lock().claim(start, size);
    }
}
