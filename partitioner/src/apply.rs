//! The plan carried out through the verbs of a [`Machine`].
//!
//! The order is such that everything that can fail fails before anything has been touched:
//!
//! 1. everything that instances will see is made, and the moves of the images are worked out;
//! 2. all PCI functions are silenced, and the bridges before those that a partition owns are opened;
//! 3. images move to the places where they stay for as long as the machine is up;
//! 4. the window is made an idle one, and each partition gets its kernel, its initial file system and its tables, as its
//!    [load list](crate::load_list) says, which the machine keeps for later starts;
//! 5. boot cores start, one after another, each waiting for the one before to be past its few legacy accesses.
//!
//! The boot processor, which does all this, goes last: its partition is handed back.

mod devices;
mod error;
mod images;
mod list;

use alloc::vec::Vec;

use crate::address::MemoryRange;
use crate::layout::{MP_CONFIG, MP_POINTER};
use crate::load_list::LoadList;
use crate::machine::{Machine, StartMode, Turn, TurnSigns};
use crate::plan::{PartitionIndex, PartitionPlan, Plan};
use crate::request::Request;
use crate::view::{self, InstanceView};

pub use error::ApplyError;

/// Where a 64-bit kernel is entered, counted from its load address (Linux `boot.rst`, "64-bit boot protocol").
pub const ENTRY_OFFSET: u64 = 0x200;

/// Carries out `plan` for `request`; `clear` is the part of the plan's window that must be zero when instances start.
/// Returns the partition that the boot processor is to start itself, or `None` if no partition has it.
///
/// # Errors
/// With any error but [`ApplyError::Start`], nothing has been touched.
pub fn apply<M: Machine>(
    plan: &Plan,
    request: &Request,
    clear: MemoryRange,
    machine: &mut M,
) -> Result<Option<PartitionIndex>, ApplyError> {
    let instances = instances(plan, request)?;
    let moves = images::moves(plan, request)?;

    devices::silence(plan, machine);
    for step in &moves {
        machine
            .log("apply", format_args!("move {} from {} to {:#x}", plan.images[step.image].path, step.from, step.to));
        images::carry_out(step, machine);
    }
    machine.log("apply", format_args!("clear the window's headers and rings, {clear}"));
    machine.zero(clear);
    place_empty_mp_table(machine);
    for Instance { partition, list } in &instances {
        machine.keep(partition, list);
    }
    let instances: Vec<_> = instances.into_iter().filter(|instance| is_started(instance, machine)).collect();
    let signs: Vec<TurnSigns> = instances.iter().map(|instance| load(instance, machine)).collect();
    start_all(plan, &instances, &signs, machine)
}

/// A partition and all that must be in its memory before it starts.
struct Instance<'a> {
    partition: &'a PartitionPlan,
    list: LoadList,
}

/// Everything that will be written, in the order in which the partitions start.
fn instances<'a>(plan: &'a Plan, request: &Request) -> Result<Vec<Instance<'a>>, ApplyError> {
    let other_images = ApplyError::OtherImages { planned: plan.images.len(), requested: request.images.len() };
    let instance = |partition: &'a PartitionPlan| {
        let images = request.partitions.get(usize::from(partition.index.0)).ok_or(other_images.clone())?;
        let kernel = payload(plan, partition, &images.bzimage.payload).ok_or(other_images.clone())?;
        if partition.initrd_image.is_some_and(|image| image >= plan.images.len()) {
            return Err(other_images.clone());
        }
        let view = InstanceView::new(plan, partition, &images.bzimage)?;
        Ok(Instance { partition, list: list::record(plan, partition, kernel, &view) })
    };
    plan.start_order.iter().map(|index| instance(plan.partition(*index))).collect()
}

/// Where the protected-mode part of a partition's kernel will lie when its image is in place.
fn payload(plan: &Plan, partition: &PartitionPlan, part: &core::ops::Range<usize>) -> Option<MemoryRange> {
    let image = plan.images.get(partition.kernel_image)?.range;
    let start = image.start().checked_add(part.start as u64)?;
    let payload = MemoryRange::new(start, image.start().checked_add(part.end as u64)?)?;
    image.contains(payload).then_some(payload)
}

/// Puts an empty MP table where every Linux finds it before the firmware's.
fn place_empty_mp_table<M: Machine>(machine: &mut M) {
    let (pointer, config) = view::mp_table();
    machine.log("apply", format_args!("an MP table without an I/O APIC at {MP_POINTER:#x}"));
    machine.write(MP_CONFIG, &config);
    machine.write(MP_POINTER, &pointer);
}

/// Whether a partition starts with the box.
fn is_started<M: Machine>(instance: &Instance<'_>, machine: &mut M) -> bool {
    let Instance { partition, .. } = instance;
    if !partition.lifecycle.start {
        machine.log("apply", format_args!("{}: planned, and not started", partition.name));
    }
    partition.lifecycle.start
}

/// Fills a partition's memory, and returns the signs that will show how far its instance has come.
fn load<M: Machine>(instance: &Instance<'_>, machine: &mut M) -> TurnSigns {
    let partition = instance.partition;
    let name = &partition.name;
    machine.log("apply", format_args!("{name}: clear its slice below 1 MiB, {}", partition.low));
    machine.log("apply", format_args!("{name}: kernel to {:#x}", partition.kernel.start()));
    if let Some(to) = partition.initrd {
        machine.log("apply", format_args!("{name}: initial file system to {:#x}", to.start()));
    }
    machine.log("apply", format_args!("{name}: tables to {}", partition.tables));
    let seeded = machine.load(&instance.list);
    TurnSigns { low: partition.low, seed_len: seeded.then(|| view::seed_len_address(partition)) }
}

/// Starts the boot cores in turn.
fn start_all<M: Machine>(
    plan: &Plan,
    instances: &[Instance<'_>],
    signs: &[TurnSigns],
    machine: &mut M,
) -> Result<Option<PartitionIndex>, ApplyError> {
    let mut left_for_the_boot_processor = None;
    for (running, (instance, signs)) in instances.iter().zip(signs).enumerate() {
        let core = instance.partition.boot_core();
        if core.core.apic_id == plan.boot_processor {
            left_for_the_boot_processor = Some(instance.partition.index);
            continue;
        }
        let name = &instance.partition.name;
        let entry = instance.partition.kernel.start() + ENTRY_OFFSET;
        machine.log("start", format_args!("{name}: core {} enters {entry:#x}", core.number));
        machine.start(instance.partition, StartMode::Direct).map_err(|cause| ApplyError::Start {
            partition: name.clone(),
            running,
            cause,
        })?;
        let turn = match machine.await_turn(*signs) {
            Turn::Passed => "has ended",
            Turn::TimedOut => "has not ended in time; the next partition starts",
        };
        machine.log("turn", format_args!("{name}: {turn}"));
    }
    Ok(left_for_the_boot_processor)
}
