//! What the host of an emulated machine asks for. See [`super`] for who may call what; of these, any context may call all.
//!
//! Every pointer is one to a control page that stays mapped, and that
//! [`sprig_control_is_known`](super::control::sprig_control_is_known) has found to be one.

use control::{ControlPage, Order};

use super::control::{deref, partition};

/// How often the host has sent an NMI to all kernels.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_host_nmis(page: *const ControlPage) -> u64 {
    // SAFETY: the caller guarantees it.
    unsafe { deref(page) }.host_nmis()
}

/// Whether the host seeks an instance that fetches another partition's cores for it.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_seeks_hand(page: *const ControlPage) -> bool {
    // SAFETY: the caller guarantees it.
    unsafe { deref(page) }.seeks_hand()
}

/// Takes up, as the partition `hand`, what the host has ordered. Returns the order, for which the cores of the partition
/// `index` are to be fetched; 0 if there is none, or somebody else was faster.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_lend_hand(page: *const ControlPage, index: u32, hand: u32) -> u64 {
    // SAFETY: the caller guarantees it.
    let partition = unsafe { partition(page, index) };
    partition.and_then(|partition| partition.lend_hand(hand as usize)).map_or(0, Order::word)
}
