//! PCI functions as planning sees them: where they are, what they are, what lies behind them.
//!
//! The names and numbers are those of the PCI Local Bus Specification 3.0, chapter 6, the PCI-to-PCI Bridge
//! Architecture Specification 1.2, chapter 3, and the PCI Code and ID Assignment Specification.
//! [`crate::firmware::pci`] reads them from a machine.
//!
//! A partition owns whole *buses*: configuration space in memory is mapped by the bus, so a bus is the least that one
//! kernel can see and another cannot. A bus belongs together with all that lies behind the bridges on it.

mod address;
mod class;
mod ownership;

use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::address::MemoryRange;

pub use address::{AddressError, PciAddress};
pub use class::{ClassFilter, PciClass};
pub use ownership::{Functions, Obstacle};

/// One function of a device.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PciFunction {
    /// Where it is.
    pub address: PciAddress,
    /// The maker's number.
    pub vendor_id: u16,
    /// The maker's number for the device.
    pub device_id: u16,
    /// What it is for.
    pub class: PciClass,
    /// The addresses that it decodes.
    #[serde(default)]
    pub bars: Vec<Bar>,
    /// How it can interrupt.
    pub interrupts: Interrupts,
    /// What lies behind it, if it is a bridge to another bus.
    #[serde(default)]
    pub bridge: Option<Bridge>,
}

/// How a function can interrupt: where its two capabilities lie in configuration space.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interrupts {
    /// Message signalled interrupts (MSI).
    pub msi: Option<u16>,
    /// The same with a table of many (MSI-X).
    pub msi_x: Option<u16>,
}

impl Interrupts {
    /// Whether it can do without a pin. Pins lead to an I/O APIC, which no instance has.
    pub fn by_message(self) -> bool {
        self.msi.is_some() || self.msi_x.is_some()
    }
}

/// A base address register: a range of addresses that the function decodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bar {
    /// Which of the six; one of 64 bits takes two, and this is the lower.
    pub index: u8,
    /// What kind of addresses.
    pub kind: BarKind,
    /// The first, 0 until it is chosen.
    pub address: u64,
    /// How many, a power of two.
    pub len: u64,
}

/// What kind of addresses a register holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BarKind {
    /// I/O ports.
    Io,
    /// Memory below 4 GiB, reading which may have effects.
    Memory32,
    /// Memory anywhere, reading which may have effects.
    Memory64,
    /// Memory below 4 GiB that may be read ahead.
    Prefetchable32,
    /// Memory anywhere that may be read ahead.
    Prefetchable64,
}

/// The buses behind a bridge, and the addresses that it forwards to them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bridge {
    /// The buses, `None` until they are numbered.
    pub buses: Option<BusRange>,
    /// The addresses.
    pub windows: Windows,
}

/// Buses of one segment, both ends inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusRange {
    /// The one right behind the bridge.
    pub first: u8,
    /// The last of those behind the bridges on it.
    pub last: u8,
}

impl BusRange {
    /// Whether a bus is one of them.
    pub fn contains(self, bus: u8) -> bool {
        (self.first..=self.last).contains(&bus)
    }

    /// Whether the two have a bus in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// The addresses that a bridge hands on, as far as its three windows are open.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Windows {
    /// I/O ports, in steps of 4 KiB.
    pub io: Option<IoRange>,
    /// Memory below 4 GiB, in steps of 1 MiB.
    pub memory: Option<MemoryRange>,
    /// Memory that may be read ahead, in steps of 1 MiB.
    pub prefetchable: Option<MemoryRange>,
}

impl Windows {
    /// Those of memory.
    pub fn memory(self) -> impl Iterator<Item = MemoryRange> {
        self.memory.into_iter().chain(self.prefetchable)
    }
}

/// I/O ports, both ends inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IoRange {
    /// The first port.
    pub first: u16,
    /// The last port.
    pub last: u16,
}

impl fmt::Display for PciFunction {
    /// `0000:01:00.0 (network, 1af4:1041)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {:04x}:{:04x})", self.address, self.class, self.vendor_id, self.device_id)
    }
}

impl fmt::Display for BusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{:02x}", self.first),
            false => write!(f, "{:02x}-{:02x}", self.first, self.last),
        }
    }
}

impl fmt::Display for Windows {
    /// `memory 0x00fe000000-0x00fe1fffff, prefetchable 0x…, io 0x1000-0x1fff`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = self.memory.map(|range| ("memory", range));
        let mut comma = "";
        for (kind, range) in memory.into_iter().chain(self.prefetchable.map(|range| ("prefetchable", range))) {
            write!(f, "{comma}{kind} {range}")?;
            comma = ", ";
        }
        match self.io {
            Some(io) => write!(f, "{comma}io {:#x}-{:#x}", io.first, io.last),
            None if comma.is_empty() => f.write_str("no windows"),
            None => Ok(()),
        }
    }
}
