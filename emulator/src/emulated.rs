//! The machine that `sprig run` makes: how large it must be for a box, and what its firmware will report.
//!
//! The addresses were read from the boot log of a stock kernel on QEMU 7.2's q35 with SeaBIOS; 10.0 has the same.
//! Planning against them on the host finds every mistake before anything starts; the boot image plans again with what
//! it finds.

mod assumed;
mod device;
mod device_requests;
mod driver;
mod wire;

use std::collections::BTreeSet;

use partitioner::address::{GIB_4, MIB, MemoryRange};
use partitioner::amount::Count;
use partitioner::config::{CpuRequest, DeviceSelector};
use partitioner::diagnostic::Diagnostic;
use partitioner::inventory::{
    ApicId, Core, CoreNumber, EcamSegment, Inventory, MemoryKind, MemoryRegion, NodeId, SerialPort, Tsc,
};
use partitioner::pci::PciAddress;
use partitioner::request::Request;

use crate::qemu::SERIAL_PORTS;

pub use assumed::Assumed;
pub use device::{DeviceError, DeviceKind, EmulatedDevice};
pub use driver::Driver;
pub use wire::Wire;

/// Where q35 has its PCI configuration space. If memory would reach up to here, the part above [`LOW_MEMORY_MAX`] is
/// moved above 4 GiB.
const ECAM_BASE: u64 = 0xb000_0000;
const ECAM_LEN: u64 = 256 * MIB;
/// Where low memory then ends, which leaves room for large devices.
const LOW_MEMORY_MAX: u64 = 2 << 30;
/// The space that SeaBIOS keeps for ACPI tables at the end of low memory.
const FIRMWARE_TABLES: u64 = 128 << 10;
/// Where SeaBIOS puts the first PCI serial card's registers, and how far on the next.
const PCI_SERIAL_BASE: u16 = 0xc060;
const PCI_SERIAL_STEP: u16 = 8;
/// Four ports of the board, and cards up to where the root ports begin.
const NAMED_PORTS_MAX: usize = SERIAL_PORTS.len() + device::FIRST_PORT as usize - 1;
/// APIC IDs are one byte, and 255 is the broadcast.
const CPUS_MAX: u32 = 255;
/// The space that 40 address bits leave below the range that x86 reserves for HyperTransport.
const MEMORY_MAX: u64 = 1000 << 30;

/// For the boot image, page tables, and what rounding to large pages costs.
const SLACK: u64 = 128 * MIB;
const GRAIN: u64 = 64 * MIB;

/// An emulated machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EmulatedMachine {
    /// Processors.
    pub cpus: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// Serial ports: one for the boot image and one for each partition.
    pub serial_ports: usize,
    /// PCI devices, in the order of their buses.
    pub devices: Vec<EmulatedDevice>,
}

impl EmulatedMachine {
    /// How many PCI devices it has room for.
    pub const DEVICES_MAX: usize = device::PORTS_MAX as usize;

    /// The smallest machine that a box needs. It has no disks, because a disk needs an image.
    pub fn needed_by(request: &Request) -> Self {
        Self::with_devices(request, Vec::new()).0
    }

    /// The same with these devices before all others, and a diagnostic for each device that it still lacks.
    pub fn with_devices(request: &Request, devices: Vec<EmulatedDevice>) -> (Self, Vec<Diagnostic>) {
        let (devices, lacking) = device_requests::plug(request, devices);
        let machine = Self {
            cpus: needed_cpus(request),
            memory: needed_memory(request),
            serial_ports: needed_ports(request),
            devices,
        };
        (machine, lacking)
    }

    /// The inventory that the boot image will take of it.
    pub fn inventory(&self) -> Inventory {
        Inventory {
            machine: format!("emulated machine: {}, {} MiB", Count(self.cpus as usize, "core"), self.memory / MIB),
            cores: (0..self.cpus).map(core).collect(),
            smt_shift: 0,
            memory: memory_map(self.memory),
            node_memory: Vec::new(),
            ecam: vec![EcamSegment { segment: 0, base: ECAM_BASE, first_bus: 0, last_bus: 255 }],
            pci: device::functions(&self.devices),
            serial_ports: self.ports().collect(),
            // The rate is the host's, which planning does not depend on.
            tsc: Tsc { khz: 2_000_000, invariant: true },
            physical_address_bits: 40,
        }
    }

    /// QEMU's arguments for its devices.
    pub fn device_arguments(&self) -> impl Iterator<Item = String> {
        (0..).zip(&self.devices).flat_map(|(place, device)| device.arguments(place))
    }

    /// Its PCI devices and where they are.
    pub fn devices(&self) -> impl Iterator<Item = (PciAddress, DeviceKind)> {
        let places = (0..).zip(&self.devices);
        places.filter_map(|(place, device)| Some((device::address_of(place)?, device.kind())))
    }

    /// Its serial ports, in the order in which the boot image finds them.
    pub fn ports(&self) -> impl Iterator<Item = SerialPort> + use<> {
        let cards = (0u16..).map(|number| PCI_SERIAL_BASE.saturating_add(number.saturating_mul(PCI_SERIAL_STEP)));
        SERIAL_PORTS.into_iter().chain(cards).take(self.serial_ports).map(|io_port| SerialPort { io_port })
    }
}

fn core(number: u32) -> Core {
    Core { apic_id: ApicId(number), acpi_uid: number, node: NodeId(0) }
}

fn needed_cpus(request: &Request) -> u32 {
    let mut named = BTreeSet::new();
    let mut counted = 0u32;
    for partition in &request.file.partitions {
        match partition.cpus.get_ref() {
            CpuRequest::Count(count) => counted = counted.saturating_add(*count),
            CpuRequest::Set(set) => named.extend(set),
        }
    }
    let highest = named.last().map_or(0, |CoreNumber(number)| number.saturating_add(1));
    let in_all = u32::try_from(named.len()).unwrap_or(u32::MAX).saturating_add(counted);
    highest.max(in_all).clamp(1, CPUS_MAX)
}

/// One for the log and one for each partition, and those that are named, as far as there is room for their cards.
fn needed_ports(request: &Request) -> usize {
    let named = device_requests::device_requests(request).filter_map(|request| match *request.device.get_ref() {
        DeviceSelector::Serial(number) if usize::from(number) < NAMED_PORTS_MAX => Some(usize::from(number) + 1),
        _ => None,
    });
    named.fold(1 + request.file.partitions.len(), usize::max)
}

/// The partitions, the window, and the images twice: as the boot loader puts them and as they are kept.
fn needed_memory(request: &Request) -> u64 {
    let partitions = request.file.partitions.iter().map(|partition| *partition.memory.get_ref());
    let images = request.images.iter().map(|image| image.len.saturating_mul(2));
    let window = *request.file.shared_memory.get_ref();
    let in_all = partitions.chain(images).chain([window, SLACK]).fold(0, u64::saturating_add);
    in_all.min(MEMORY_MAX).next_multiple_of(GRAIN)
}

fn memory_map(memory: u64) -> Vec<MemoryRegion> {
    use MemoryKind::{Reserved, Usable};
    let low = if memory >= ECAM_BASE { LOW_MEMORY_MAX } else { memory };
    let tables = low.saturating_sub(FIRMWARE_TABLES);
    let map = [
        (0, 0x9_fc00, Usable),
        (0x9_fc00, 0xa_0000, Reserved),
        (0xf_0000, 0x10_0000, Reserved),
        (0x10_0000, tables, Usable),
        (tables, low, Reserved),
        (ECAM_BASE, ECAM_BASE + ECAM_LEN, Reserved),
        (0xfed1_c000, 0xfed2_0000, Reserved),
        (0xfffc_0000, GIB_4, Reserved),
        (GIB_4, GIB_4 + (memory - low), Usable),
        (0xfd_0000_0000, 0x100_0000_0000, Reserved),
    ];
    let region = |(start, end, kind)| Some(MemoryRegion { range: MemoryRange::new(start, end)?, kind });
    map.into_iter().filter_map(region).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map_of(memory: u64) -> Vec<String> {
        memory_map(memory).iter().map(|region| format!("{} {:?}", region.range, region.kind)).collect()
    }

    #[test]
    fn memory_up_to_the_configuration_space_stays_below_it() {
        insta::assert_debug_snapshot!(map_of(2 << 30));
    }

    #[test]
    fn memory_beyond_is_split_at_two_gibibytes() {
        insta::assert_debug_snapshot!(map_of(4 << 30));
    }

    #[test]
    fn ports_beyond_the_fourth_are_on_cards() {
        let machine = EmulatedMachine { cpus: 1, memory: GRAIN, serial_ports: 6, devices: Vec::new() };
        let ports: Vec<u16> = machine.ports().map(|port| port.io_port).collect();
        assert_eq!(ports, [0x3f8, 0x2f8, 0x3e8, 0x2e8, 0xc060, 0xc068]);
    }
}
