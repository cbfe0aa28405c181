//! Which PCI functions can be owned, and which belong together.

use core::fmt;

use alloc::vec::Vec;

use serde::Serialize;

use super::{BarKind, Bridge, BusRange, PciFunction};
use crate::address::MemoryRange;

/// Why a function cannot be given to a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// It is a bridge: the owner of what lies behind it has its use.
    Bridge,
    /// No bridge leads to it, and its bus belongs to all.
    OnRootBus,
    /// It interrupts by a pin only.
    PinOnly,
    /// The addresses of its registers were never chosen, or no bridge forwards them.
    OutOfReach,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bridge => "it is a bridge",
            Self::OnRootBus => "no bridge leads to it, so that its bus cannot be hidden from others",
            Self::PinOnly => "it has neither MSI nor MSI-X, and its pin leads to an I/O APIC, which no instance has",
            Self::OutOfReach => "the firmware has given it no addresses that a bridge hands on",
        })
    }
}

/// All functions of a machine.
#[derive(Clone, Copy, Debug)]
pub struct Functions<'a>(pub &'a [PciFunction]);

impl<'a> Functions<'a> {
    /// Why a function cannot be given to a partition, if it cannot.
    pub fn obstacle(self, function: &PciFunction) -> Option<Obstacle> {
        if function.bridge.is_some() {
            Some(Obstacle::Bridge)
        } else if self.nearest_bridge(function).is_none() {
            Some(Obstacle::OnRootBus)
        } else if !function.interrupts.by_message() {
            Some(Obstacle::PinOnly)
        } else if !self.is_in_reach(function) {
            Some(Obstacle::OutOfReach)
        } else {
            None
        }
    }

    /// The bridge right before a function, and the buses behind that bridge: the function's own, and those further
    /// behind.
    pub fn nearest_bridge(self, function: &PciFunction) -> Option<(&'a PciFunction, BusRange)> {
        let bridges = self.upstream_bridges(function).filter_map(|bridge| Some((bridge, bridge.bridge?.buses?)));
        bridges.into_iter().find(|(_, buses)| buses.first == function.address.bus())
    }

    /// The functions that must be owned together with a function: all except bridges that have a bus in common with it.
    pub fn companions(self, function: &PciFunction) -> impl Iterator<Item = &'a PciFunction> + use<'a> {
        let (address, own) = (function.address, self.nearest_bridge(function).map(|(_, buses)| buses));
        self.0.iter().filter(move |other| {
            let theirs = self.nearest_bridge(other).map(|(_, buses)| buses);
            let shares = own.zip(theirs).is_some_and(|(own, theirs)| own.overlaps(theirs));
            other.bridge.is_none() && other.address != address && other.address.segment() == address.segment() && shares
        })
    }

    /// Every bridge that leads to a function.
    pub fn upstream_bridges(self, function: &PciFunction) -> impl Iterator<Item = &'a PciFunction> + use<'a> {
        let (segment, bus) = (function.address.segment(), function.address.bus());
        self.0.iter().filter(move |bridge| bridge.address.segment() == segment && bridge.leads_to_bus(bus))
    }

    /// Whether each memory address that a function decodes has been chosen, and every bridge on the way forwards it.
    pub fn is_in_reach(self, function: &PciFunction) -> bool {
        let bridges: Vec<Bridge> = self.upstream_bridges(function).filter_map(|bridge| bridge.bridge).collect();
        function.bars.iter().filter(|bar| bar.kind != BarKind::Io).all(|bar| {
            let range = MemoryRange::with_len(bar.address, bar.len).filter(|range| range.start() != 0);
            let forwards = |range, bridge: &Bridge| bridge.windows.memory().any(|window| window.contains(range));
            range.is_some_and(|range| bridges.iter().all(|bridge| forwards(range, bridge)))
        })
    }
}

impl PciFunction {
    /// Whether it is a bridge with that bus of its segment behind it.
    pub fn leads_to_bus(&self, bus: u8) -> bool {
        self.bridge.and_then(|bridge| bridge.buses).is_some_and(|buses| buses.contains(bus))
    }
}
