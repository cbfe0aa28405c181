//! The load list of a partition, for its first start and for those that follow.

use super::{ENTRY_OFFSET, devices};
use crate::address::MemoryRange;
use crate::layout::{self, ZERO_PAGE_OFFSET};
use crate::load_list::{LoadList, Step};
use crate::machine::Entry;
use crate::plan::{PartitionPlan, Plan};
use crate::view::{self, InstanceView};

/// `kernel` is where the kernel's protected-mode part is kept.
pub(super) fn record(plan: &Plan, partition: &PartitionPlan, kernel: MemoryRange, view: &InstanceView) -> LoadList {
    let mut list = LoadList::default();
    clear_away(plan, partition, &mut list);
    list.begin_first_start();
    // So that what the instance writes there can be seen.
    list.push(Step::Zero(partition.low));
    list.push(Step::Copy(kernel, partition.kernel.start()));
    if let (Some(to), Some(image)) = (partition.initrd, partition.initrd_image) {
        list.push(Step::Copy(plan.images[image].range, to.start()));
    }
    for (address, bytes) in view.pieces(partition) {
        list.push(Step::Write(address, bytes));
    }
    let seed = view::seed_address(partition);
    list.push(Step::Write(seed, &view::seed_entry(None)));
    list.push(Step::Seed(seed));
    list.push(Step::Enter(Entry {
        address: partition.kernel.start() + ENTRY_OFFSET,
        zero_page: view::address_in_tables(partition, ZERO_PAGE_OFFSET),
    }));
    list
}

/// What an earlier kernel has left: devices at work, its memory, and the places where peers would ring it.
fn clear_away(plan: &Plan, partition: &PartitionPlan, list: &mut LoadList) {
    // First: what peers ring until then, they ring in the middle of all this.
    layout::doorbells(plan.window, partition.index.0, plan.queues).for_each(|address| list.push(Step::Zero(address)));
    devices::reset(plan, partition, list);
    partition.memory.iter().for_each(|run| list.push(Step::Zero(*run)));
}
