//! Splits a machine: `plan(&Inventory, &Request)` gives each partition its share, or every reason why that cannot be.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::address::MemoryRange;
use crate::address::RangeSet;
use crate::inventory::{CoreNumber, Inventory, SerialPort};
use crate::request::Request;
use cores::BOOT_PROCESSOR;

pub(crate) mod boot_run;
mod conflict;
mod consoles;
mod cores;
mod devices;
mod diagnostics;
mod images;
mod low;
mod memory;
mod planned;
mod queues;
mod ranges;
mod warnings;

pub use conflict::{Claim, Conflict, Fixed, PlanError, Shortage, Taker};
pub use planned::{
    Assignment, PartitionIndex, PartitionPlan, Plan, PlannedBuses, PlannedCore, PlannedFunction, PlannedImage,
};
pub use warnings::warnings;

/// Splits a machine as its owner wants it.
///
/// # Errors
/// Every conflict at once, without those that are only consequences of others.
pub fn plan(inventory: &Inventory, request: &Request) -> Result<Plan, PlanError> {
    let mut conflicts = Vec::new();
    check_machine(inventory, &mut conflicts);
    let cores = cores::assign(inventory, request, &mut conflicts);
    let last = cores.as_ref().and_then(|cores| cores.iter().position(|cores| cores.contains(&BOOT_PROCESSOR)));
    let buses = devices::assign(inventory, request, &mut conflicts);
    let named = consoles::named(&inventory.serial_ports, request, last, &mut conflicts);
    let consoles = consoles::assign(&inventory.serial_ports, &named, last);
    let queues = queues::count(request, &mut conflicts);
    let usable = ranges::usable(inventory);
    let partitions = request.entries().count();
    let shares = if usable.ranges().is_empty() {
        conflicts.push(Conflict::NoUsableMemory);
        None
    } else {
        low::check_fixed(&usable, &mut conflicts);
        let low = low::slices(&usable, partitions, &mut conflicts);
        let memory = memory::share(&usable, inventory, request, cores.as_deref(), &mut conflicts);
        low.zip(memory)
    };
    let images = shares
        .as_ref()
        .and_then(|(low, memory)| images::keep(&usable, &handed_out(low, memory), request, &mut conflicts));
    match (cores, buses, shares, images) {
        (Some(cores), Some(buses), Some((low, memory)), Some(images)) if conflicts.is_empty() => {
            Ok(assemble(inventory, request, Shares { cores, buses, consoles, queues, low, memory, images }))
        }
        _ => Err(PlanError { conflicts }),
    }
}

/// The shares of the partitions, and what the box has in common.
struct Shares {
    cores: Vec<Vec<CoreNumber>>,
    buses: Vec<Vec<PlannedBuses>>,
    consoles: Vec<Option<SerialPort>>,
    queues: u8,
    low: low::Slices,
    memory: memory::Shares,
    images: Vec<PlannedImage>,
}

/// What must be true of a machine whatever is wanted of it.
fn check_machine(inventory: &Inventory, conflicts: &mut Vec<Conflict>) {
    if inventory.cores.is_empty() {
        conflicts.push(Conflict::NoMadt);
    }
    let mut seen = BTreeSet::new();
    let twice: BTreeSet<_> =
        inventory.cores.iter().map(|core| core.apic_id).filter(|apic_id| !seen.insert(*apic_id)).collect();
    conflicts.extend(twice.into_iter().map(Conflict::ApicIdTwice));
    if !inventory.tsc.invariant {
        conflicts.push(Conflict::TscNotInvariant);
    }
    if inventory.tsc.khz == 0 {
        conflicts.push(Conflict::TscRateUnknown);
    }
}

/// Memory in which no image can be kept.
fn handed_out(low: &[MemoryRange], memory: &memory::Shares) -> RangeSet {
    let runs = memory.partitions.iter().flat_map(|partition| partition.runs.iter().copied());
    let fixed = Fixed::ALL.into_iter().map(Fixed::range);
    RangeSet::union(runs.chain(low.iter().copied()).chain(fixed).chain([memory.window]))
}

fn assemble(inventory: &Inventory, request: &Request, shares: Shares) -> Plan {
    let Shares { cores, buses, consoles, queues, low, memory, images } = shares;
    let pci = devices::assignments(inventory, &buses);
    let idle = numbered_cores(inventory).filter(|core| !cores.iter().any(|cores| cores.contains(&core.number)));
    let idle_cores = idle.collect();
    let idle_ports = consoles::idle(&inventory.serial_ports, &consoles);
    let shares = cores.into_iter().zip(low).zip(memory.partitions).zip(buses).zip(consoles);
    let partitions: Vec<_> = (0..)
        .zip(request.entries())
        .zip(shares)
        .map(|((index, (entry, images)), ((((cores, low), memory), buses), console))| PartitionPlan {
            index: PartitionIndex(index),
            name: entry.name.get_ref().clone(),
            cores: numbered_cores(inventory).filter(|core| cores.contains(&core.number)).collect(),
            low,
            memory: memory.runs,
            tables: memory.first.tables,
            kernel: memory.first.kernel,
            initrd: memory.first.initrd,
            kernel_image: images.kernel,
            initrd_image: images.initrd,
            console,
            buses,
            owner_cmdline: entry.cmdline.get_ref().clone(),
            lifecycle: entry.lifecycle,
        })
        .collect();
    Plan {
        box_name: request.file.name.get_ref().clone(),
        boot_processor: inventory.cores[0].apic_id,
        tsc_khz: inventory.tsc.khz,
        start_order: start_order(&partitions),
        partitions,
        window: memory.window,
        queues,
        images,
        idle_cores,
        log_port: inventory.serial_ports.first().copied(),
        idle_ports,
        machine_memory: RangeSet::union(inventory.memory.iter().map(|region| region.range)).into_ranges(),
        ecam: inventory.ecam.clone(),
        pci,
    }
}

fn numbered_cores(inventory: &Inventory) -> impl Iterator<Item = PlannedCore> {
    (0..).zip(&inventory.cores).map(|(number, core)| PlannedCore { number: CoreNumber(number), core: *core })
}

/// An INIT to the boot processor resets the machine, so it can only walk into its own partition, when all others run.
fn start_order(partitions: &[PartitionPlan]) -> Vec<PartitionIndex> {
    let (last, first): (Vec<_>, Vec<_>) =
        partitions.iter().partition(|partition| partition.boot_core().number == BOOT_PROCESSOR);
    first.into_iter().chain(last).map(|partition| partition.index).collect()
}

#[cfg(test)]
mod tests;
