//! Who gets what: `plan(&Inventory, &Request)`, or every reason why it cannot be.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use crate::address::MemoryRange;
use crate::address::RangeSet;
use crate::inventory::{ApicId, Core, CoreNumber, EcamSegment, Inventory, SerialPort};
use crate::pci::BusRange;
use crate::request::Request;
use cores::BOOT_PROCESSOR;

mod conflict;
mod consoles;
mod cores;
mod devices;
mod first_run;
mod images;
mod low;
mod memory;
mod queues;
mod ranges;
mod telling;

pub use conflict::{Claim, Conflict, Fixed, PlanError, Taker};
pub use devices::{Fate, PlannedBuses, PlannedFunction};

/// A partition's place in the box file, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct PartitionIndex(pub u8);

/// A core that a partition has been given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct PlannedCore {
    /// Its number on the machine.
    pub number: CoreNumber,
    /// What it is.
    #[serde(flatten)]
    pub core: Core,
}

/// An image in memory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PlannedImage {
    /// The path as the box file has it.
    pub path: String,
    /// Where it is kept, for as long as the machine is up: partitions are started from it, and started again.
    pub range: MemoryRange,
}

/// One partition's share.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PartitionPlan {
    /// Its place in the box file.
    pub index: PartitionIndex,
    /// Its name.
    pub name: String,
    /// Its cores, never none, the one that boots first.
    pub cores: Vec<PlannedCore>,
    /// Its slice below 1 MiB.
    pub low: MemoryRange,
    /// Its memory in 2 MiB-aligned runs, never none; the first holds tables, kernel and initial file system.
    pub memory: Vec<MemoryRange>,
    /// ACPI tables, zero page and command line, see [`crate::layout`]: the first bytes of its memory.
    pub tables: MemoryRange,
    /// Where the kernel is loaded, and what it needs from there.
    pub kernel: MemoryRange,
    /// Where the initial file system is loaded.
    pub initrd: Option<MemoryRange>,
    /// The image of the kernel, in [`Plan::images`].
    pub kernel_image: usize,
    /// The image of the initial file system, in [`Plan::images`].
    pub initrd_image: Option<usize>,
    /// Its serial console, if there was one left.
    pub console: Option<SerialPort>,
    /// Its PCI buses, sorted, none inside another. Without any, its instance sees no PCI at all.
    pub buses: Vec<PlannedBuses>,
    /// What the owner wants on the kernel's command line.
    pub owner_cmdline: String,
}

/// Who gets what. Having one means: no core, no byte of memory, no port and no bus belongs to two, everything lies in usable
/// memory, and every kernel fits where it is put.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Plan {
    /// Name of the box.
    pub box_name: String,
    /// The boot processor: it starts the others, and enters its own partition last.
    pub boot_processor: ApicId,
    /// The rate of the time-stamp counter, which every kernel is told.
    pub tsc_khz: u64,
    /// The partitions in the order of the box file.
    pub partitions: Vec<PartitionPlan>,
    /// The window of the virtual Ethernet.
    pub window: MemoryRange,
    /// Queues of each ordered pair of partitions, at least one.
    pub queues: u8,
    /// The images.
    pub images: Vec<PlannedImage>,
    /// The order in which they are started: the one that has the boot processor last.
    pub start_order: Vec<PartitionIndex>,
    /// Cores that nobody has. Those in reach stay in the resident part; the others are left as the firmware had them.
    pub idle_cores: Vec<PlannedCore>,
    /// The port that the boot image logs on.
    pub log_port: Option<SerialPort>,
    /// Serial ports that nobody has.
    pub idle_ports: Vec<SerialPort>,
    /// Everything the firmware's map knows, of whatever kind: what an instance does not own of it, it must see as
    /// reserved. Sorted, adjacent ranges joined.
    pub machine_memory: Vec<MemoryRange>,
    /// Configuration space, which an instance must see as reserved.
    pub ecam: Vec<EcamSegment>,
    /// Every PCI function, and what becomes of it.
    pub pci: Vec<PlannedFunction>,
}

/// Splits a machine as its owner wants it.
///
/// # Errors
/// Everything that stands against it, at once, without what is only its consequence.
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

/// What the box and every partition and image has got.
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
    let pci = devices::fates(inventory, &buses);
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

impl PartitionPlan {
    /// Bytes of memory, without the slice below 1 MiB.
    pub fn memory_len(&self) -> u64 {
        self.memory.iter().map(|range| range.len()).sum()
    }

    /// The core that boots it.
    pub fn boot_core(&self) -> PlannedCore {
        self.cores[0]
    }
}

impl Plan {
    /// The configuration space in which buses lie.
    pub fn ecam_of(&self, owned: &PlannedBuses) -> Option<&EcamSegment> {
        self.ecam.iter().find(|ecam| {
            let decoded = BusRange { first: ecam.first_bus, last: ecam.last_bus };
            ecam.segment == owned.segment && decoded.contains(owned.buses.first) && decoded.contains(owned.buses.last)
        })
    }

    /// The partition at that place.
    pub fn partition(&self, index: PartitionIndex) -> &PartitionPlan {
        &self.partitions[usize::from(index.0)]
    }
}

impl fmt::Display for PartitionIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests;
