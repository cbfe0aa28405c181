//! Watching other partitions. See [`super`] for who may call what: these, one context at a time, for each [`Watch`].

use core::ffi::c_void;

use control::{ControlPage, Sight, Step, Watch};

use super::control::{deref, partition};

/// Bytes of what is known of a partition.
pub const WATCH_BYTES: usize = size_of::<Watch>();
/// How often one looks.
pub const LOOKS_PER_SECOND: u32 = control::LOOKS_PER_SECOND;
/// There is nothing to be done.
pub const STEP_NONE: u64 = 0;
/// Its boot core is to be sent an NMI.
pub const STEP_PROBE: u64 = 1;

/// Whether anything is to follow when that partition ends or hangs.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_watch_is_needed(page: *const ControlPage, index: u32) -> bool {
    // SAFETY: the caller guarantees it.
    let partition = unsafe { partition(page, index) };
    partition.is_some_and(|partition| partition.policy().is_active())
}

/// Looks at another partition, on behalf of `own`. What is neither of the two steps is the order that was given, for which
/// its cores are to be fetched.
///
/// # Safety
/// `page` is a control page; `watch` has [`WATCH_BYTES`], aligned to 8, which were zero before the first look and which only
/// this function has written since.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_watch_look(
    watch: *mut c_void,
    page: *const ControlPage,
    index: u32,
    own: u32,
    stalled: bool,
    in_reach: bool,
    now: u64,
) -> u64 {
    // SAFETY: the caller guarantees it; nobody else has a reference to this memory, and any bytes are a `Watch`.
    let (page, watch) = unsafe { (deref(page), &mut *watch.cast::<Watch>()) };
    let sight = Sight { is_stalled: stalled, is_in_reach: in_reach, now_ms: page.milliseconds(now) };
    match watch.look(page, index as usize, own as usize, sight) {
        Step::None => STEP_NONE,
        Step::Probe => STEP_PROBE,
        // Its number is never 0, so it is neither of these.
        Step::Fetch(order) => order.word(),
    }
}
