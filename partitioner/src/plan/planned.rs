//! The plan: what each partition is given.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use crate::address::MemoryRange;
use crate::config::Lifecycle;
use crate::inventory::{ApicId, Core, CoreNumber, EcamSegment, SerialPort};
use crate::pci::{BusRange, Obstacle, PciAddress, PciFunction, Windows};

/// A partition's place in the box file, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct PartitionIndex(pub u8);

/// A core that a partition has been given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct PlannedCore {
    /// Its number.
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
    /// Whether it starts with the box, and what follows when it ends or hangs.
    pub lifecycle: Lifecycle,
}

/// The plan of a box. Having one means: no core, no byte of memory, no port and no bus belongs to two, everything lies
/// in usable memory, and every kernel fits where it is put.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Plan {
    /// Name of the box.
    pub box_name: String,
    /// The boot processor: it starts the others, and enters its own partition last.
    pub boot_processor: ApicId,
    /// The rate of the time-stamp counter, which every kernel gets on its command line.
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
    /// Cores that no partition has. Those in reach stay in the resident part; the others are left as the firmware had
    /// them.
    pub idle_cores: Vec<PlannedCore>,
    /// The port that the boot image logs on.
    pub log_port: Option<SerialPort>,
    /// Serial ports that no partition has.
    pub idle_ports: Vec<SerialPort>,
    /// Everything the firmware's map knows, of whatever kind: what an instance does not own of it, it must see as
    /// reserved. Sorted, adjacent ranges joined.
    pub machine_memory: Vec<MemoryRange>,
    /// Configuration space, which an instance must see as reserved.
    pub ecam: Vec<EcamSegment>,
    /// Every PCI function with its assignment.
    pub pci: Vec<PlannedFunction>,
}

/// Buses that a partition owns, all of one segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct PlannedBuses {
    /// The machine's segment.
    pub segment: u16,
    /// The buses. The first is the one that its instance takes for a root bus.
    pub buses: BusRange,
    /// The bridge before the first.
    pub bridge: PciAddress,
    /// The addresses that the bridge forwards.
    pub windows: Windows,
}

impl PlannedBuses {
    /// Whether a function is on one of them.
    pub fn contain(&self, address: PciAddress) -> bool {
        address.segment() == self.segment && self.buses.contains(address.bus())
    }
}

/// A function and its assignment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PlannedFunction {
    /// What it is.
    #[serde(flatten)]
    pub function: PciFunction,
    /// Its assignment.
    #[serde(rename = "fate")]
    pub assignment: Assignment,
}

/// The use that a function is put to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assignment {
    /// It belongs to that partition.
    Owned(PartitionIndex),
    /// It is a bridge that leads to what belongs to a partition.
    #[serde(rename = "way")]
    UpstreamBridge,
    /// No partition wants it.
    Unassigned,
    /// No partition can have it.
    Refused(Obstacle),
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
