//! What the machine has: the input of planning that is given, where the request is chosen.
//!
//! The boot image fills an [`Inventory`] from the tables of the machine it runs on, `sprig inventory` from `/sys` and
//! `/proc` of a running Linux, `sprig plan` from the emulated machine that `sprig run` would make. All three go
//! through [`crate::firmware`], so the same tables give the same inventory.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::address::{MIB, MemoryRange};
use crate::pci::{BusRange, PciAddress, PciFunction};

/// The local APIC identifier of a processor: what an INIT or a SIPI is addressed to (Intel SDM volume 3, chapter 11).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApicId(pub u32);

impl ApicId {
    /// Whether an instance can drive a core with this identifier. Higher ones need x2APIC, which Linux gives up where
    /// it sees no interrupt remapping, and an instance sees none.
    pub fn is_in_reach(self) -> bool {
        self.0 < 255
    }
}

/// A core as its owner names it: the position in [`Inventory::cores`], the boot processor (BSP) being 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CoreNumber(pub u32);

/// A NUMA node: the proximity domain of the SRAT (ACPI 6.5, section 5.2.16). Machines without an SRAT have node 0 only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u32);

/// One logical processor that the firmware reports as enabled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Core {
    /// Where interrupts for it are sent.
    pub apic_id: ApicId,
    /// Its ACPI processor UID in the MADT.
    pub acpi_uid: u32,
    /// The NUMA node it is nearest to.
    pub node: NodeId,
}

/// What the firmware says a range of physical memory is (ACPI 6.5, table 15.374).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemoryKind {
    /// Ordinary memory, free for use.
    Usable,
    /// Firmware, devices, or simply not ours.
    Reserved,
    /// ACPI tables, free for use once they are read. We never take it.
    AcpiReclaimable,
    /// Firmware needs it over sleep.
    AcpiNvs,
    /// Broken memory.
    Unusable,
}

impl fmt::Display for MemoryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Usable => "usable",
            Self::Reserved => "reserved",
            Self::AcpiReclaimable => "ACPI tables",
            Self::AcpiNvs => "ACPI NVS",
            Self::Unusable => "unusable",
        })
    }
}

/// A stretch of the firmware's memory map.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryRegion {
    /// Where it lies.
    pub range: MemoryRange,
    /// What it is.
    pub kind: MemoryKind,
}

/// Memory that is near to the cores of a node (SRAT memory affinity).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeMemory {
    /// Where it lies.
    pub range: MemoryRange,
    /// The node.
    pub node: NodeId,
}

/// Memory-mapped configuration space of a PCI segment (MCFG; PCI Firmware Specification 3.3, section 4.1.2): 1 MiB per
/// bus, and `base` is that of bus 0 even where the first bus is another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EcamSegment {
    /// PCI segment group.
    pub segment: u16,
    /// Address of bus 0's configuration space.
    pub base: u64,
    /// First bus decoded.
    pub first_bus: u8,
    /// Last bus decoded, inclusive.
    pub last_bus: u8,
}

impl EcamSegment {
    /// The configuration space of its buses.
    pub fn range(&self) -> Option<MemoryRange> {
        self.range_of(BusRange { first: self.first_bus, last: self.last_bus })
    }

    /// The configuration space of some of its buses.
    pub fn range_of(&self, buses: BusRange) -> Option<MemoryRange> {
        let start = self.base.checked_add(u64::from(buses.first) * MIB)?;
        MemoryRange::new(start, self.base.checked_add((u64::from(buses.last) + 1) * MIB)?)
    }

    /// Whether it has a bus or an address in common with another.
    pub fn meets(&self, other: &Self) -> bool {
        let buses = self.first_bus <= other.last_bus && other.first_bus <= self.last_bus;
        let ranges = self.range().zip(other.range());
        self.segment == other.segment && buses || ranges.is_some_and(|(one, other)| one.overlaps(other))
    }

    /// The address of a function's configuration space, of 4 KiB.
    pub fn address_of(&self, function: PciAddress) -> Option<u64> {
        let here = function.segment() == self.segment && (self.first_bus..=self.last_bus).contains(&function.bus());
        here.then(|| self.base.checked_add(function.ecam_offset())).flatten()
    }
}

/// A 16550-compatible serial port in I/O space.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SerialPort {
    /// First of its eight I/O ports.
    pub io_port: u16,
}

/// The time-stamp counter, the only clock that instances share.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tsc {
    /// Ticks in a millisecond.
    pub khz: u64,
    /// Whether it ticks at one rate in every power state (CPUID 0x8000_0007, EDX bit 8).
    pub invariant: bool,
}

/// All that planning needs to know of a machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// A name for display: the processor's brand string, or where the inventory was recorded.
    pub machine: String,
    /// Every enabled processor, the BSP first, the others in the order of the MADT. Empty if there is no MADT.
    pub cores: Vec<Core>,
    /// How many low bits of an APIC ID tell the threads of one physical core apart: 0 without SMT.
    #[serde(default)]
    pub smt_shift: u8,
    /// The firmware's memory map, sorted by address, without overlap.
    pub memory: Vec<MemoryRegion>,
    /// Memory affinity; empty without an SRAT.
    #[serde(default)]
    pub node_memory: Vec<NodeMemory>,
    /// PCI segments with memory-mapped configuration space.
    #[serde(default)]
    pub ecam: Vec<EcamSegment>,
    /// PCI functions in the order of their addresses; none where there is no such configuration space.
    #[serde(default)]
    pub pci: Vec<PciFunction>,
    /// Serial ports, the one that the boot image logs on first.
    #[serde(default)]
    pub serial_ports: Vec<SerialPort>,
    /// The time-stamp counter.
    pub tsc: Tsc,
    /// Physical address bits (CPUID 0x8000_0008, EAX bits 7:0).
    pub physical_address_bits: u8,
}

impl Inventory {
    /// The core of that number, if the machine has it.
    pub fn core(&self, number: CoreNumber) -> Option<Core> {
        self.cores.get(usize::try_from(number.0).ok()?).copied()
    }

    /// The number that all threads of a physical core have in common, and no other processor has.
    pub fn physical_core(&self, core: Core) -> u32 {
        core.apic_id.0.checked_shr(u32::from(self.smt_shift)).unwrap_or_default()
    }

    /// Bytes of usable memory in all.
    pub fn usable_memory(&self) -> u64 {
        self.memory.iter().filter(|region| region.kind == MemoryKind::Usable).map(|region| region.range.len()).sum()
    }
}

impl fmt::Display for ApicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for CoreNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for SerialPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "io {:#x}", self.io_port)
    }
}
