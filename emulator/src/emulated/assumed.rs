//! A machine that has every device that a box names, so that a box file made for a real machine can be checked anywhere.
//!
//! A device that the box names by class or model is as [`super::EmulatedMachine`] would have it, disks included. A device
//! that no emulated machine has is assumed to exist, and [`Assumed::beyond`] lists it. The real machine's inventory
//! decides whether it does.

use std::collections::BTreeSet;

use partitioner::config::DeviceSelector;
use partitioner::inventory::{EcamSegment, Inventory, SerialPort};
use partitioner::pci::{PciAddress, PciFunction};
use partitioner::request::Request;

use super::device::{FIRST_PORT, Identity, PORTS_MAX, bridge, function};
use super::device_requests::{DeviceRequest, device_requests};
use super::{ECAM_LEN, EmulatedMachine};

/// A machine with assumed devices.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assumed {
    /// The machine.
    pub inventory: Inventory,
    /// The devices that no emulated machine has, each with the partition that names it: `0000:03:00.0 for "db"`.
    pub beyond: Vec<String>,
}

/// The identity of a device of which only the address is known: all ones, as an empty slot answers.
const UNKNOWN: Identity = (0xffff, 0xffff, 0xff_00_00);
/// Room for the configuration space of segments that only real machines have: where an emulated one keeps addresses free.
const FURTHER_ECAM: u64 = 0xfd_0000_0000;

impl EmulatedMachine {
    /// This machine with all devices that a box names.
    pub fn assumed_for(&self, request: &Request) -> Assumed {
        let mut assumptions = Assumptions::default();
        assumptions.named.extend(device_requests(request).filter_map(address));
        for request in device_requests(request) {
            assumptions.satisfy(request, self.serial_ports);
        }
        let own = self.inventory();
        let ecam = own.ecam.iter().copied().chain(assumptions.further_segments()).collect();
        let ports = EmulatedMachine { serial_ports: self.serial_ports.max(assumptions.serial_ports), ..self.clone() };
        let serial_ports: Vec<SerialPort> = ports.ports().collect();
        Assumed {
            inventory: Inventory { ecam, pci: assumptions.with_bridges(), serial_ports, ..own },
            beyond: assumptions.beyond,
        }
    }
}

fn address(request: DeviceRequest<'_>) -> Option<PciAddress> {
    match request.device.get_ref() {
        DeviceSelector::Function(address) => Some(*address),
        _ => None,
    }
}

#[derive(Default)]
struct Assumptions {
    /// Addresses that the box names.
    named: BTreeSet<PciAddress>,
    functions: Vec<PciFunction>,
    serial_ports: usize,
    beyond: Vec<String>,
}

impl Assumptions {
    fn satisfy(&mut self, request: DeviceRequest<'_>, serial_ports: usize) {
        let known = request.kind().map(|kind| kind.identity());
        let identity = match *request.device.get_ref() {
            DeviceSelector::Serial(number) => {
                self.serial_ports = self.serial_ports.max(usize::from(number) + 1);
                if usize::from(number) >= serial_ports {
                    self.note(request);
                }
                return;
            }
            DeviceSelector::Function(address) => {
                if !self.functions.iter().any(|function| function.address == address) {
                    self.functions.push(function(address, UNKNOWN));
                    self.note(request);
                }
                return;
            }
            DeviceSelector::Class(class) => known.unwrap_or((UNKNOWN.0, UNKNOWN.1, class.lowest().0)),
            DeviceSelector::Model { vendor_id, device_id } => known.unwrap_or((vendor_id, device_id, UNKNOWN.2)),
        };
        if let Some(address) = self.free_bus() {
            self.functions.push(function(address, identity));
        }
        if known.is_none() {
            self.note(request);
        }
    }

    fn note(&mut self, request: DeviceRequest<'_>) {
        self.beyond.push(format!("{} for \"{}\"", request.device.get_ref(), request.partition));
    }

    /// The first place of the first bus on which nothing is and nothing is named.
    fn free_bus(&self) -> Option<PciAddress> {
        let mut taken = self.named.iter().copied().chain(self.functions.iter().map(|function| function.address));
        let taken: BTreeSet<u8> =
            taken.by_ref().filter(|address| address.segment() == 0).map(PciAddress::bus).collect();
        let bus = (1..=u8::MAX).find(|bus| !taken.contains(bus))?;
        PciAddress::new(0, bus, 0, 0)
    }

    /// The functions, each behind a bridge of its bus's own, in the order of addresses. Bus 0 has none before it on any
    /// machine.
    fn with_bridges(&self) -> Vec<PciFunction> {
        let buses: BTreeSet<(u16, u8)> =
            self.functions.iter().map(|function| (function.address.segment(), function.address.bus())).collect();
        let mut all = self.functions.clone();
        let mut taken = self.named.clone();
        for (segment, bus) in buses.into_iter().filter(|(_, bus)| *bus != 0) {
            if let Some(address) = slots(segment).find(|slot| !taken.contains(slot)) {
                taken.insert(address);
                all.push(bridge(address, bus));
            }
        }
        all.sort_by_key(|function| function.address);
        all
    }

    fn further_segments(&self) -> impl Iterator<Item = EcamSegment> {
        let segments: BTreeSet<u16> = self.named.iter().map(|address| address.segment()).collect();
        let bases = (0..).map(|number: u64| FURTHER_ECAM + number * ECAM_LEN);
        let segments = segments.into_iter().filter(|segment| *segment != 0);
        segments.zip(bases).map(|(segment, base)| EcamSegment { segment, base, first_bus: 0, last_bus: 255 })
    }
}

/// Where a bridge can be on bus 0: where an emulated machine has its ports, and then anywhere.
fn slots(segment: u16) -> impl Iterator<Item = PciAddress> {
    let ports = (FIRST_PORT..FIRST_PORT + PORTS_MAX).map(|device| (device, 0));
    let others = (1..8).flat_map(|function| (0..32).map(move |device| (device, function)));
    ports.chain(others).filter_map(move |(device, function)| PciAddress::new(segment, 0, device, function))
}
