//! The PCI functions of each partition.
//!
//! Functions that are named by their addresses go first; then those named by class or model, in the order of the file,
//! each to the first that is left. A function takes along its bus and all that lies behind the bridges on it
//! ([`crate::pci`] says why); so what is checked last is that no two partitions have a bus in common.

use alloc::vec::Vec;

use super::conflict::{Claim, Conflict};
use super::planned::{Assignment, PartitionIndex, PlannedBuses, PlannedFunction};
use crate::config::DeviceSelector;
use crate::inventory::Inventory;
use crate::pci::{BusRange, Functions, Obstacle, PciAddress, PciFunction};
use crate::request::Request;

/// The buses of each partition.
pub(super) type Shares = Vec<Vec<PlannedBuses>>;

/// Gives each partition its buses; `None` if there is a conflict about them.
pub(super) fn assign(inventory: &Inventory, request: &Request, conflicts: &mut Vec<Conflict>) -> Option<Shares> {
    let before = conflicts.len();
    let mut claims = Claims { functions: Functions(&inventory.pci), made: Vec::new() };
    let selectors: Vec<_> =
        selectors(request).filter(|(_, selector)| !matches!(selector, DeviceSelector::Serial(_))).collect();
    if let (Some((claim, _)), true) = (selectors.first(), inventory.ecam.is_empty()) {
        conflicts.push(Conflict::NoConfigurationSpace { claim: *claim });
        return None;
    }
    for (claim, selector) in &selectors {
        if let DeviceSelector::Function(address) = selector {
            conflicts.extend(claims.by_address(*claim, *address).err());
        }
    }
    for (claim, selector) in &selectors {
        let claimed = match *selector {
            DeviceSelector::Class(class) => claims.by_kind(*claim, |function| class.matches(function.class)),
            DeviceSelector::Model { vendor_id, device_id } => {
                claims.by_kind(*claim, |function| (function.vendor_id, function.device_id) == (vendor_id, device_id))
            }
            DeviceSelector::Function(_) | DeviceSelector::Serial(_) => Ok(()),
        };
        conflicts.extend(claimed.err());
    }
    claims.check_buses(conflicts);
    let shares = || (0..request.file.partitions.len()).map(|partition| claims.buses_of(partition)).collect();
    (conflicts.len() == before).then(shares)
}

/// Every device that partitions want, with its claim.
pub(super) fn selectors(request: &Request) -> impl Iterator<Item = (Claim, DeviceSelector)> {
    request.file.partitions.iter().enumerate().flat_map(|(partition, entry)| {
        let selectors = entry.devices.iter().enumerate();
        selectors.map(move |(device, selector)| (Claim { partition, device }, *selector.get_ref()))
    })
}

/// The functions that have been given so far.
struct Claims<'a> {
    functions: Functions<'a>,
    made: Vec<(Claim, &'a PciFunction)>,
}

impl<'a> Claims<'a> {
    fn by_address(&mut self, claim: Claim, address: PciAddress) -> Result<(), Conflict> {
        let function = self.functions.0.iter().find(|function| function.address == address);
        let function = function.ok_or(Conflict::NoSuchDevice { claim })?;
        if let Some((first, _)) = self.made.iter().find(|(_, other)| other.address == address) {
            return Err(Conflict::DeviceClaimedTwice { first: *first, second: claim });
        }
        if self.functions.obstacle(function).is_some() {
            return Err(self.not_assignable(claim, function));
        }
        self.made.push((claim, function));
        Ok(())
    }

    /// The first function of a class or a model that is left.
    fn by_kind(&mut self, claim: Claim, matches: impl Fn(&PciFunction) -> bool) -> Result<(), Conflict> {
        let matching: Vec<_> = self.functions.0.iter().filter(|function| matches(function)).collect();
        let left = matching.iter().find(|function| self.is_left_for(claim.partition, function));
        if let Some(function) = left {
            self.made.push((claim, function));
            return Ok(());
        }
        let able = matching.iter().filter(|function| self.functions.obstacle(function).is_none());
        let able: Vec<_> = able.collect();
        match (matching.first(), able.first()) {
            (None, _) => Err(Conflict::NoSuchDevice { claim }),
            (Some(unable), None) => Err(self.not_assignable(claim, unable)),
            (_, Some(taken)) => Err(Conflict::NoDeviceLeft { claim, there: able.len(), first: self.holder(taken) }),
        }
    }

    fn not_assignable(&self, claim: Claim, function: &PciFunction) -> Conflict {
        let obstacle = self.functions.obstacle(function).unwrap_or(Obstacle::OnRootBus);
        Conflict::DeviceNotAssignable { claim, address: function.address, obstacle }
    }

    /// The claim that took a function or its bus.
    fn holder(&self, function: &PciFunction) -> Option<Claim> {
        let buses = self.buses(function)?;
        self.made.iter().find(|(_, other)| self.share(buses, function, other)).map(|(claim, _)| *claim)
    }

    /// Whether a function is assignable and free, and no other partition has anything on its bus.
    fn is_left_for(&self, partition: usize, function: &PciFunction) -> bool {
        let Some(buses) = self.buses(function) else { return false };
        let is_free = |(claim, other): &(Claim, &PciFunction)| {
            other.address != function.address && (claim.partition == partition || !self.share(buses, function, other))
        };
        self.functions.obstacle(function).is_none() && self.made.iter().all(is_free)
    }

    fn buses(&self, function: &PciFunction) -> Option<BusRange> {
        self.functions.nearest_bridge(function).map(|(_, buses)| buses)
    }

    fn share(&self, buses: BusRange, function: &PciFunction, other: &PciFunction) -> bool {
        function.address.segment() == other.address.segment()
            && self.buses(other).is_some_and(|theirs| theirs.overlaps(buses))
    }

    /// Every later claim on a bus of which another partition has something.
    fn check_buses(&self, conflicts: &mut Vec<Conflict>) {
        for (at, (second, function)) in self.made.iter().enumerate() {
            let Some((bridge, buses)) = self.functions.nearest_bridge(function) else { continue };
            let shared = self.made[..at]
                .iter()
                .find(|(first, other)| first.partition != second.partition && self.share(buses, function, other));
            if let Some((first, other)) = shared {
                conflicts.push(Conflict::BusClaimedTwice {
                    first: *first,
                    second: *second,
                    devices: [other.address, function.address],
                    bridge: bridge.address,
                });
            }
        }
    }

    /// The buses of a partition, each range once, and none inside another.
    fn buses_of(&self, partition: usize) -> Vec<PlannedBuses> {
        let claimed = self.made.iter().filter(|(claim, _)| claim.partition == partition);
        let mut all: Vec<PlannedBuses> = claimed.filter_map(|(_, function)| self.planned(function)).collect();
        // An outer range comes before those in it.
        all.sort_by_key(|buses| (buses.segment, buses.buses.first, u8::MAX - buses.buses.last));
        let mut outer: Vec<PlannedBuses> = Vec::new();
        for buses in all {
            let inside =
                outer.iter().any(|other| other.segment == buses.segment && other.buses.contains(buses.buses.last));
            if !inside {
                outer.push(buses);
            }
        }
        outer
    }

    fn planned(&self, function: &PciFunction) -> Option<PlannedBuses> {
        let (bridge, buses) = self.functions.nearest_bridge(function)?;
        let windows = bridge.bridge?.windows;
        Some(PlannedBuses { segment: function.address.segment(), buses, bridge: bridge.address, windows })
    }
}

/// Every function of the machine with its assignment.
pub(super) fn assignments(inventory: &Inventory, shares: &Shares) -> Vec<PlannedFunction> {
    let functions = Functions(&inventory.pci);
    let owner = |function: &PciFunction| {
        let owner = shares.iter().position(|buses| buses.iter().any(|buses| buses.contain(function.address)))?;
        u8::try_from(owner).ok().map(PartitionIndex)
    };
    let is_upstream = |function: &PciFunction| {
        let mut owned = shares.iter().flatten();
        owned.any(|buses| function.address.segment() == buses.segment && function.leads_to_bus(buses.buses.first))
    };
    let assignment = |function: &PciFunction| match (owner(function), functions.obstacle(function)) {
        (Some(partition), _) => Assignment::Owned(partition),
        (None, _) if is_upstream(function) => Assignment::UpstreamBridge,
        (None, Some(obstacle)) => Assignment::Refused(obstacle),
        (None, None) => Assignment::Unassigned,
    };
    inventory
        .pci
        .iter()
        .map(|function| PlannedFunction { assignment: assignment(function), function: function.clone() })
        .collect()
}
