//! The control page. See [`super`] for who may call what; of these, any context may call all.
//!
//! Every pointer is one to a control page that stays mapped, and that [`sprig_control_is_known`] has found to be one.

use control::{Cause, Command, ControlPage, LEN, Order, Partition, Pending, State};

/// Stop a partition.
pub const COMMAND_STOP: u32 = Command::Stop as u32;
/// Start a partition anew.
pub const COMMAND_START: u32 = Command::Start as u32;
/// A kernel was entered.
pub const STATE_STARTING: u32 = State::Starting as u32;
/// A kernel has ended.
pub const STATE_ENDED: u32 = State::Ended as u32;
/// It has panicked.
pub const CAUSE_PANIC: u32 = Cause::Panic as u32;
/// It reboots.
pub const CAUSE_REBOOT: u32 = Cause::Reboot as u32;
/// It is halted.
pub const CAUSE_HALT: u32 = Cause::Halt as u32;
/// It is powered off.
pub const CAUSE_POWER_OFF: u32 = Cause::PowerOff as u32;

/// # Safety
/// The pointer is one to a mapped control page.
pub(super) unsafe fn deref<'a>(page: *const ControlPage) -> &'a ControlPage {
    // SAFETY: the caller guarantees that the page is mapped; all of its words are atomics, for which any bytes will do.
    unsafe { &*page }
}

/// # Safety
/// As for [`deref`].
pub(super) unsafe fn partition<'a>(page: *const ControlPage, index: u32) -> Option<&'a Partition> {
    // SAFETY: the caller guarantees it.
    unsafe { deref(page) }.partition(index as usize)
}

fn command(number: u32) -> Option<Command> {
    [Command::Stop, Command::Start].into_iter().find(|command| *command as u32 == number)
}

/// A person's order ends the count of restarts by policy; that of a partition that comes back by itself does not.
fn forgive(partition: &Partition, index: u32, asker: u32) {
    if asker != index {
        partition.forgive();
    }
}

/// Whether a control page of this version, for so many partitions, lies in `len` bytes.
///
/// # Safety
/// So many bytes are mapped from `page`, which is aligned to a page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_is_known(page: *const ControlPage, len: u64, partitions: u32) -> bool {
    // SAFETY: the caller guarantees it, once the length is known to be enough.
    len >= LEN && unsafe { deref(page) }.is_known() && unsafe { partition(page, partitions.wrapping_sub(1)) }.is_some()
}

/// The APIC ID of the machine's boot processor.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_boot_processor(page: *const ControlPage) -> u32 {
    // SAFETY: the caller guarantees it.
    unsafe { deref(page) }.boot_processor()
}

/// Where a start-up leads a core into the resident part, as an address.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_trampoline(page: *const ControlPage) -> u32 {
    // SAFETY: the caller guarantees it.
    unsafe { deref(page) }.trampoline()
}

/// Whether the firmware brings the boot processor to the resident part after a reset, if it is told to.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_has_warm_reset(page: *const ControlPage) -> bool {
    // SAFETY: the caller guarantees it.
    unsafe { deref(page) }.has_warm_reset()
}

/// Where a core enters the resident part that is not reset: in 64-bit mode, with a map that has the lowest 4 GiB.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_gate(page: *const ControlPage) -> u64 {
    // SAFETY: the caller guarantees it.
    unsafe { deref(page) }.gate()
}

/// The top page table of the resident part, as an address.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_root(page: *const ControlPage) -> u64 {
    // SAFETY: the caller guarantees it.
    unsafe { deref(page) }.root()
}

/// Gives an order on behalf of the partition `asker`. Returns it, or 0 if another is pending, which is then in `pending`.
///
/// # Safety
/// `page` is a control page, and `pending` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_ask(
    page: *const ControlPage,
    index: u32,
    number: u32,
    asker: u32,
    pending: *mut u64,
) -> u64 {
    // SAFETY: the caller guarantees it.
    let (Some(partition), Some(command)) = (unsafe { partition(page, index) }, command(number)) else { return 0 };
    match partition.ask(command, asker as usize) {
        Ok(order) => {
            forgive(partition, index, asker);
            order.word()
        }
        Err(Pending(order)) => {
            // SAFETY: the caller guarantees it.
            unsafe { pending.write(order.word()) };
            0
        }
    }
}

/// The same in place of an order that has been pending for too long.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_supersede(
    page: *const ControlPage,
    index: u32,
    number: u32,
    asker: u32,
    pending: u64,
) -> u64 {
    // SAFETY: the caller guarantees it.
    let (Some(partition), Some(command)) = (unsafe { partition(page, index) }, command(number)) else { return 0 };
    let order = partition.supersede(Pending(Order::from_word(pending)), command, asker as usize);
    forgive(partition, index, asker);
    order.map_or(0, Order::word)
}

/// From now on that partition is loaded by the list at that address; at 0, by the one that the boot image has made.
///
/// # Safety
/// `page` is a control page; so many bytes there belong to the partition, which is stopped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_load_by(page: *const ControlPage, index: u32, address: u64, len: u64) {
    // SAFETY: the caller guarantees it.
    if let Some(partition) = unsafe { partition(page, index) } {
        partition.load_by(if address == 0 { partition.first_list() } else { (address, len) });
    }
}

/// Whether a partition is stopped, and nothing is pending.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_is_stopped(page: *const ControlPage, index: u32) -> bool {
    // SAFETY: the caller guarantees it.
    let partition = unsafe { partition(page, index) }.filter(|partition| !partition.is_pending());
    partition.is_some_and(|partition| matches!(partition.status().state, State::Stopped | State::Planned))
}

/// Before a core is reset, to be fetched: what it has said of itself holds no longer.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_dismiss(page: *const ControlPage, core: u32) {
    // SAFETY: the caller guarantees it.
    unsafe { deref(page) }.dismiss_core(core);
}

/// Whether a core has come to the resident part for that order or a later one.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_has_answered(page: *const ControlPage, core: u32, order: u64) -> bool {
    // SAFETY: the caller guarantees it.
    unsafe { deref(page) }.has_answered(core, Order::from_word(order))
}

/// Whether an order is still to be carried out, so that cores may be reset and started up for it.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_is_open(page: *const ControlPage, index: u32, order: u64) -> bool {
    // SAFETY: the caller guarantees it.
    unsafe { partition(page, index) }.is_some_and(|partition| partition.is_open(Order::from_word(order)))
}

/// Whether an NMI brings a core to the resident part, or wakes it there.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_comes_by_nmi(page: *const ControlPage, core: u32) -> bool {
    // SAFETY: the caller guarantees it.
    unsafe { deref(page) }.comes_by_nmi(core)
}

/// The order for a partition that is pending; 0: none.
///
/// # Safety
/// `page` is a control page.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_pending(page: *const ControlPage, index: u32) -> u64 {
    // SAFETY: the caller guarantees it.
    let partition = unsafe { partition(page, index) }.filter(|partition| partition.is_pending());
    partition.map_or(0, |partition| partition.wanted().word())
}

/// Whether an NMI brings a core of ours to the resident part from now on.
///
/// # Safety
/// `page` is a control page, and the core is our own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_open_gate(page: *const ControlPage, core: u32, open: bool) {
    // SAFETY: the caller guarantees it.
    unsafe { deref(page) }.open_gate(core, open);
}

/// The cores of this partition are with its kernel. Before the gate is open.
///
/// # Safety
/// `page` is a control page, and the partition is our own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_has_cores(page: *const ControlPage, index: u32) {
    // SAFETY: the caller guarantees it.
    if let Some(partition) = unsafe { partition(page, index) } {
        // SAFETY: as above.
        unsafe { deref(page) }.dismiss(index as usize, partition.done());
    }
}

/// This partition has come up: its driver is loaded.
///
/// # Safety
/// `page` is a control page, and the partition is our own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_came_up(page: *const ControlPage, index: u32, now: u64) {
    // SAFETY: the caller guarantees it.
    if let Some(partition) = unsafe { partition(page, index) } {
        partition.say(State::Running, partition.status().cause, now);
    }
}

/// The driver of this partition goes, and its kernel stays: as before it was loaded.
///
/// # Safety
/// `page` is a control page, and the partition is our own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_went(page: *const ControlPage, index: u32, now: u64) {
    // SAFETY: the caller guarantees it.
    let partition = unsafe { partition(page, index) };
    if let Some(partition) = partition.filter(|partition| partition.status().state == State::Running) {
        partition.say(State::Starting, partition.status().cause, now);
    }
}

/// What this partition says of itself.
///
/// # Safety
/// `page` is a control page, and the partition is our own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_say(page: *const ControlPage, index: u32, state: u32, cause: u32, now: u64) {
    // SAFETY: the caller guarantees it.
    if let Some(partition) = unsafe { partition(page, index) } {
        partition.say(State::from_bits(state as u8), Cause::from_bits(cause as u8), now);
    }
}

/// Writes what this partition's clock is, if somebody has asked for it; returns whether.
///
/// # Safety
/// `page` is a control page, and the partition is our own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sprig_control_answer_clock(page: *const ControlPage, index: u32, clock: u64) -> bool {
    // SAFETY: the caller guarantees it.
    unsafe { partition(page, index) }.is_some_and(|partition| partition.answer(clock))
}

/// What an order is to do, one of the commands.
#[unsafe(no_mangle)]
pub extern "C" fn sprig_order_command(order: u64) -> u32 {
    Order::from_word(order).command as u32
}
