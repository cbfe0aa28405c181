//! Every reason why a machine cannot be split as its owner wants it. `diagnostics` has the message of each.

use alloc::vec::Vec;

use crate::address::MemoryRange;
use crate::inventory::{ApicId, CoreNumber};
use crate::layout::{MP_CONFIG, MP_POINTER, RESIDENT, TRAMPOLINE};
use crate::pci::{Obstacle, PciAddress};
use crate::request::ImageIndex;

/// One reason. Partitions are named by their place in the box file, counted from 0; sizes are bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Conflict {
    /// The firmware has no MADT, so there are no cores to give.
    NoMadt,
    /// The firmware lists two cores under one APIC ID.
    ApicIdTwice(ApicId),
    /// The only clock that instances share does not tick at one rate.
    TscNotInvariant,
    /// The rate of the time-stamp counter is unknown.
    TscRateUnknown,
    /// Two partitions name the same cores.
    CoreClaimedTwice {
        /// The cores, at least one.
        cores: Vec<CoreNumber>,
        /// The first partition that does.
        first: usize,
        /// The later one.
        second: usize,
    },
    /// A partition names cores that the machine has not.
    CoresDoNotExist {
        /// The cores, at least one.
        cores: Vec<CoreNumber>,
        /// The partition.
        partition: usize,
        /// How many the machine has.
        machine: usize,
    },
    /// A partition names cores that no instance can drive ([`ApicId::is_in_reach`]).
    CoresOutOfReach {
        /// The cores, at least one.
        cores: Vec<CoreNumber>,
        /// The partition.
        partition: usize,
    },
    /// All together want more cores than there are.
    TooFewCores {
        /// How many are wanted.
        wanted: usize,
        /// How many the machine has in reach.
        there: usize,
        /// How many more it has out of reach.
        out_of_reach: usize,
        /// The first partition that goes short.
        partition: usize,
    },
    /// The window has no room for as many queues as are wanted.
    TooManyQueues {
        /// How many are wanted.
        queues: u8,
        /// The smallest window for them.
        least: u64,
        /// How many there is room for.
        most: u8,
    },
    /// The firmware's map has no usable memory at all.
    NoUsableMemory,
    /// The firmware keeps memory for itself that we cannot do without.
    FixedNotUsable(Fixed),
    /// There are more partitions than slices below 1 MiB.
    LowMemoryExhausted {
        /// How many there are.
        partitions: usize,
        /// How many fit.
        fit: usize,
    },
    /// A kernel does not fit its partition.
    KernelTooLarge {
        /// The partition.
        partition: usize,
        /// What tables and kernel take.
        needed: u64,
    },
    /// An initial file system does not fit behind its partition's kernel.
    InitrdTooLarge {
        /// The partition.
        partition: usize,
        /// Its size.
        initrd: u64,
        /// What tables, kernel and initial file system take.
        needed: u64,
    },
    /// An initial file system takes more memory unpacked than its partition has beside the kernel.
    UnpackedTooLarge {
        /// The partition.
        partition: usize,
        /// The unpacked size.
        unpacked: u64,
        /// The kernel, the file itself and its unpacked files.
        needed: u64,
    },
    /// All together want more memory than there is.
    TooLittleMemory {
        /// How much is wanted.
        wanted: u64,
        /// How much the machine has to give.
        there: u64,
    },
    /// There is enough memory, but it lies in pieces too small.
    MemoryInPieces(Shortage),
    /// There is no configuration space in memory, and so no PCI function that one could have alone.
    NoConfigurationSpace {
        /// The first claim on one.
        claim: Claim,
    },
    /// The machine has no such function or serial port.
    NoSuchDevice {
        /// The claim.
        claim: Claim,
    },
    /// All functions of a class or model are with others.
    NoDeviceLeft {
        /// The claim.
        claim: Claim,
        /// How many the machine has.
        there: usize,
        /// The claim that took one of them.
        first: Option<Claim>,
    },
    /// A function or serial port is named twice.
    DeviceClaimedTwice {
        /// Where first.
        first: Claim,
        /// Where later.
        second: Claim,
    },
    /// This function cannot be given to a partition.
    DeviceNotAssignable {
        /// The claim.
        claim: Claim,
        /// The function.
        address: PciAddress,
        /// Why.
        obstacle: Obstacle,
    },
    /// Two partitions name functions that have a bus in common.
    BusClaimedTwice {
        /// Where first.
        first: Claim,
        /// Where later.
        second: Claim,
        /// The two functions.
        devices: [PciAddress; 2],
        /// The bridge before the bus.
        bridge: PciAddress,
    },
    /// The boot image logs on this port until all others run.
    SerialPortOfTheLog {
        /// The claim.
        claim: Claim,
    },
    /// The images have no place beside what was handed out.
    NoRoomForImage {
        /// The image.
        image: ImageIndex,
        /// The longest piece that is left.
        longest: u64,
    },
}

/// A claim on a device: its place in a partition's `devices`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// The partition.
    pub partition: usize,
    /// The device, counted from 0.
    pub device: usize,
}

/// A taker that finds no piece of memory that is long enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shortage {
    /// The one that goes short.
    pub taker: Taker,
    /// What must be in one piece.
    pub needed: u64,
    /// The longest piece that the others leave, as far as it is of use to this one.
    pub longest: u64,
    /// The same if there were no others.
    pub longest_of_all: u64,
    /// Where the kernel can lie at the lowest, if this is why a longer piece is of less use.
    pub lowest: Option<u64>,
}

/// A taker of memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taker {
    /// The partition at that place.
    Partition(usize),
    /// The window.
    Window,
}

/// Memory at an address that we cannot choose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fixed {
    /// [`RESIDENT`].
    Resident,
    /// [`TRAMPOLINE`].
    Trampoline,
    /// The empty MP table, from [`MP_CONFIG`] to the end of [`MP_POINTER`].
    MpTable,
}

impl Fixed {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::MpTable, Self::Trampoline, Self::Resident];

    /// Where it lies.
    pub fn range(self) -> MemoryRange {
        const MP_TABLE: MemoryRange = MemoryRange::new(MP_CONFIG, MP_POINTER + 16).expect("the MP table is not empty");
        match self {
            Self::Resident => RESIDENT,
            Self::Trampoline => TRAMPOLINE,
            Self::MpTable => MP_TABLE,
        }
    }
}

/// Why there is no plan.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the box does not fit the machine: {} in the way", Count(conflicts.len()))]
pub struct PlanError {
    /// Every conflict, at least one: of the machine, of cores, of devices, of queues, of low memory, of memory, of
    /// images.
    pub conflicts: Vec<Conflict>,
}

/// How many conflicts.
struct Count(usize);

impl core::fmt::Display for Count {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            1 => f.write_str("1 conflict is"),
            count => write!(f, "{count} conflicts are"),
        }
    }
}
