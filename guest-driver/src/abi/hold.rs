//! Having a partition to oneself, standing still, and the registers of cores that do. See [`super`] for who may call what; of
//! these, any context may call all.
//!
//! Every pointer to a page is one as in [`super::control`].

use core::ffi::c_void;
use core::sync::atomic::Ordering;

use control::registers::{self, COUNT, Registers};
use control::{ControlPage, Partition, Purpose};

use super::control::{deref, partition};

/// Its cores stand still.
pub const PURPOSE_FREEZE: u32 = Purpose::Freeze as u32;
/// Another kernel is written into it.
pub const PURPOSE_LOAD: u32 = Purpose::Load as u32;
/// Bytes for the registers of each core.
pub const REGISTERS_BYTES: u64 = registers::LEN;
/// The registers of a core.
pub const REGISTERS: usize = COUNT;

/// A partition, what somebody has it for, and the time by the page's clock.
///
/// # Safety
/// `page` is a control page.
unsafe fn asked<'a>(
    page: *const ControlPage,
    index: u32,
    purpose: u32,
    now: u64,
) -> Option<(&'a Partition, Purpose, u64)> {
    // SAFETY: the caller guarantees it.
    let (page, of) = unsafe { (deref(page), partition(page, index)) };
    Some((of?, Purpose::from_bits(purpose as u8)?, page.milliseconds(now)))
}

/// Has a partition for oneself, unless somebody has it.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_take(
    page: *const ControlPage,
    index: u32,
    holder: u32,
    purpose: u32,
    now: u64,
) -> bool {
    // SAFETY: the caller guarantees it.
    let asked = unsafe { asked(page, index, purpose, now) };
    asked.is_some_and(|(of, purpose, now)| of.take_lease(holder as usize, purpose, now).is_ok())
}

/// Has it for longer. False: that has ended.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_renew(
    page: *const ControlPage,
    index: u32,
    holder: u32,
    purpose: u32,
    now: u64,
) -> bool {
    // SAFETY: the caller guarantees it.
    let asked = unsafe { asked(page, index, purpose, now) };
    asked.is_some_and(|(of, purpose, now)| of.renew_lease(holder as usize, purpose, now))
}

/// Gives it back. False: it had ended before.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_end_hold(
    page: *const ControlPage,
    index: u32,
    holder: u32,
    purpose: u32,
    now: u64,
) -> bool {
    // SAFETY: the caller guarantees it.
    let asked = unsafe { asked(page, index, purpose, now) };
    asked.is_some_and(|(of, purpose, now)| of.end_lease(holder as usize, purpose, now))
}

/// Who has it to himself, and 1; 0: nobody.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_holder(page: *const ControlPage, index: u32, now: u64) -> u32 {
    // SAFETY: the caller guarantees it.
    let (page, of) = unsafe { (deref(page), partition(page, index)) };
    let lease = of.and_then(|of| of.lease(page.milliseconds(now)));
    lease.map_or(0, |lease| u32::from(lease.holder) + 1)
}

/// Whether its cores are to stand still.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_is_frozen(page: *const ControlPage, index: u32, now: u64) -> bool {
    // SAFETY: the caller guarantees it.
    let (page, of) = unsafe { (deref(page), partition(page, index)) };
    of.is_some_and(|of| of.is_frozen(page.milliseconds(now)))
}

/// A core of ours stands still, or goes on.
///
/// # Safety
/// `page` is a control page, and the core is our own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_stand_still(page: *const ControlPage, core: u32, still: bool) {
    // SAFETY: the caller guarantees it.
    unsafe { deref(page) }.stand_still(core, still);
}

/// Whether an NMI would bring a core, and it does not stand still.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_has_open_gate(page: *const ControlPage, core: u32) -> bool {
    // SAFETY: the caller guarantees it.
    unsafe { deref(page) }.has_open_gate(core)
}

/// Whether an NMI brings any core of a partition from its kernel.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_has_gate(page: *const ControlPage, index: u32) -> bool {
    // SAFETY: the caller guarantees it.
    unsafe { deref(page) }.has_gate(index as usize)
}

/// Whether all cores stand still that the kernel of a partition has.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_all_stand_still(page: *const ControlPage, index: u32) -> bool {
    // SAFETY: the caller guarantees it.
    unsafe { deref(page) }.all_stand_still(index as usize)
}

/// Where the registers of this partition's cores are kept from now on; 0: nowhere.
///
/// # Safety
/// `page` is a control page, and the partition is our own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_keeps_registers(page: *const ControlPage, index: u32, address: u64) {
    // SAFETY: the caller guarantees it.
    if let Some(of) = unsafe { partition(page, index) } {
        of.registers.store(address, Ordering::Release);
    }
}

/// Keeps the registers of the core with that place among those of the partition.
///
/// # Safety
/// `registers` has [`REGISTERS_BYTES`] for more cores than `slot`, aligned to as many, that were zero before this function and
/// [`sprig_registers_drop`] have written to them; `words` are [`COUNT`] readable words.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_registers_keep(registers: *mut c_void, slot: u32, words: *const u64, process: u64) {
    // SAFETY: the caller guarantees it; all of a `Registers` are atomics, for which any bytes will do.
    let (of, words) =
        unsafe { (&*registers.cast::<Registers>().add(slot as usize), core::slice::from_raw_parts(words, COUNT)) };
    of.keep(words, process);
}

/// The core goes on: they are no longer its own.
///
/// # Safety
/// As for [`sprig_registers_keep`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_registers_drop(registers: *mut c_void, slot: u32) {
    // SAFETY: the caller guarantees it.
    unsafe { &*registers.cast::<Registers>().add(slot as usize) }.drop();
}
