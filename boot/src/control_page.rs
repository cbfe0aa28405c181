//! The [`ControlPage`] of this box: the last pages of the resident range.

use core::sync::atomic::Ordering;

use control::{ControlPage, Policy};
use partitioner::config::{Lifecycle, Reaction};
use partitioner::layout::CONTROL;
use partitioner::plan::{PartitionPlan, Plan};

use crate::{paging, trampoline};

unsafe extern "C" {
    static mut control_start: u8;
}

/// The page. Until [`open`] has been called, all of it is zero.
pub fn page() -> &'static ControlPage {
    // SAFETY: the linker script gives these bytes to nobody else, and has aligned them; all words are atomics, for which
    // any bytes will do.
    unsafe { &*(&raw const control_start).cast() }
}

/// Makes it empty.
///
/// # Safety
/// Only for the boot processor, before it wakes another.
pub unsafe fn clear() {
    let start = &raw mut control_start;
    assert_eq!(start.addr() as u64, CONTROL.start(), "the control page is linked to another place");
    // SAFETY: as in `page`; by the contract nobody uses it yet.
    unsafe { start.write_bytes(0, size_of::<ControlPage>()) }
}

/// Fills in what is true of the whole box. `warm_reset`: the boot processor comes here by a reset.
pub fn open(plan: &Plan, warm_reset: bool) {
    let header = &page().header;
    header.partitions.store(plan.partitions.len() as u32, Ordering::Relaxed);
    header.boot_processor.store(plan.boot_processor.0, Ordering::Relaxed);
    header.trampoline.store(trampoline::PAGE as u32, Ordering::Relaxed);
    header.warm_reset.store(warm_reset.into(), Ordering::Relaxed);
    header.gate.store(trampoline::GATE, Ordering::Relaxed);
    header.root.store(paging::root().into(), Ordering::Relaxed);
    header.tsc_khz.store(plan.tsc_khz, Ordering::Relaxed);
    page().open();
}

/// Says whose cores a partition's are, and keeps its load list, for as long as the machine is up.
pub fn keep(partition: &PartitionPlan, list: &'static [u8]) {
    let index = usize::from(partition.index.0);
    for core in &partition.cores {
        page().give(core.core.apic_id.0, index);
    }
    let words = &page().partitions[index];
    words.policy.store(policy(partition.lifecycle).word(), Ordering::Relaxed);
    words.boot_core.store(partition.boot_core().core.apic_id.0, Ordering::Relaxed);
    let list = (list.as_ptr().addr() as u64, list.len() as u64);
    words.first_list.store(list.0, Ordering::Relaxed);
    words.first_list_len.store(list.1, Ordering::Relaxed);
    words.load_by(list);
}

/// The words of the page for those of the box file.
fn policy(of: Lifecycle) -> Policy {
    let reaction = |of| match of {
        Reaction::Keep => control::Reaction::Keep,
        Reaction::Stop => control::Reaction::Stop,
        Reaction::Restart => control::Reaction::Restart,
    };
    let [on_panic, on_hang, on_exit] = [of.on_panic, of.on_hang, of.on_exit].map(reaction);
    Policy { on_panic, on_hang, on_exit, restart_limit: of.restart_limit }
}
