//! The DSDT: the devices that an instance has besides its cores.
//!
//! ```text
//! \_SB.SPRG   SPRG0001   the window of the virtual Ethernet; _UID is the partition's index
//! \_SB.COM    PNP0501    the serial console, without an interrupt, so that Linux polls it
//! \_SB.PC01   PNP0A08    its PCI buses, see [`super::pci`]
//! ```
//!
//! What else the driver of the window must know is in its `_DSD` (ACPI 6.5, section 6.2.5): see [`properties`].

use alloc::format;
use alloc::vec::Vec;

use acpi_tables::Aml;
use acpi_tables::aml::{Device, EISAName, IO, Name, Package, PackageBuilder, ResourceTemplate, Scope, Uuid, ZERO};
use acpi_tables::sdt::Sdt;

use super::aml::{ConsumedMemory, HEADER_LEN, OEM_ID, OEM_REVISION, OEM_TABLE_ID, serialized};
use super::pci;
use crate::inventory::SerialPort;
use crate::layout::CONTROL;
use crate::plan::{PartitionPlan, Plan};
use crate::view::command_line::added_words;

/// Integers of 64 bits.
const REVISION: u8 = 2;
/// I/O ports of a 16550.
const UART_PORTS: u8 = 8;
/// What follows in a `_DSD` are pairs of names and values.
const DEVICE_PROPERTIES: &str = "daffd814-6eba-4d8c-8a91-bc9bbf4aa301";

pub(super) fn dsdt(plan: &Plan, partition: &PartitionPlan) -> Sdt {
    let mut dsdt = Sdt::new(*b"DSDT", HEADER_LEN, REVISION, OEM_ID, OEM_TABLE_ID, OEM_REVISION);
    let mut devices = window_device(plan, partition);
    if let Some(port) = partition.console {
        devices.extend(console_device(port));
    }
    devices.extend(pci::devices(plan, partition));
    dsdt.append_slice(&Scope::raw("\\_SB_".into(), devices));
    dsdt
}

fn window_device(plan: &Plan, partition: &PartitionPlan) -> Vec<u8> {
    let memory = ConsumedMemory(plan.window);
    let resources = ResourceTemplate::new(alloc::vec![&memory]);
    serialized(&Device::new(
        "SPRG".into(),
        alloc::vec![
            &Name::new("_HID".into(), &"SPRG0001"),
            &Name::new("_UID".into(), &partition.index.0),
            &Name::new("_CRS".into(), &resources),
            &Name::new("_DSD".into(), &properties(plan, partition)),
        ],
    ))
}

/// The box as the driver has to know it. Linux hands these to it by `device_property_read_*`.
///
/// | property | |
/// |---|---|
/// | `sprig,box` | the box's name |
/// | `sprig,partitions` | the names of all partitions, in the order of their indices |
/// | `sprig,queues` | how many rings each ordered pair of partitions has |
/// | `sprig,control` | where the control page is, and its bytes |
/// | `sprig,command-line` | the words that the partitioner has put in front of the owner's: the next kernel needs them too |
/// | `sprig,cores-N` | the APIC IDs of the partition with index N: its doorbells ring nobody else |
/// | `sprig,memory-N` | the runs of the partition with index N: each one's start and its end, which is not its own any more |
fn properties(plan: &Plan, reader: &PartitionPlan) -> PackageBuilder {
    let mut names = PackageBuilder::new();
    for partition in &plan.partitions {
        names.add_element(&partition.name);
    }
    let mut pairs = PackageBuilder::new();
    pairs.add_element(&Package::new(alloc::vec![&"sprig,box", &plan.box_name]));
    pairs.add_element(&Package::new(alloc::vec![&"sprig,partitions", &names]));
    pairs.add_element(&Package::new(alloc::vec![&"sprig,queues", &plan.queues]));
    let control = [CONTROL.start(), CONTROL.len()];
    pairs.add_element(&Package::new(alloc::vec![
        &"sprig,control",
        &Package::new(control.iter().map(|number| number as &dyn Aml).collect())
    ]));
    let words = added_words(plan, reader);
    pairs.add_element(&Package::new(alloc::vec![&"sprig,command-line", &words]));
    for partition in &plan.partitions {
        let [cores_name, memory_name] = ["cores", "memory"].map(|of| format!("sprig,{of}-{}", partition.index.0));
        pairs.add_element(&Package::new(alloc::vec![&cores_name, &cores(partition)]));
        pairs.add_element(&Package::new(alloc::vec![&memory_name, &runs(partition)]));
    }
    let mut data = PackageBuilder::new();
    data.add_element(&Uuid::new(DEVICE_PROPERTIES));
    data.add_element(&pairs);
    data
}

/// A package holds 255 elements, and there are no more cores [in reach](crate::inventory::ApicId::is_in_reach).
fn cores(partition: &PartitionPlan) -> PackageBuilder {
    let mut cores = PackageBuilder::new();
    for core in &partition.cores {
        cores.add_element(&core.core.apic_id.0);
    }
    cores
}

/// A package holds 255 elements, and a partition of more runs than half of that has no memory map: see
/// [`E820_MAX`](crate::view::e820::E820_MAX).
fn runs(partition: &PartitionPlan) -> PackageBuilder {
    let mut runs = PackageBuilder::new();
    for run in &partition.memory {
        runs.add_element(&run.start());
        runs.add_element(&run.end());
    }
    runs
}

fn console_device(port: SerialPort) -> Vec<u8> {
    let ports = IO::new(port.io_port, port.io_port, 1, UART_PORTS);
    let resources = ResourceTemplate::new(alloc::vec![&ports]);
    serialized(&Device::new(
        "COM_".into(),
        alloc::vec![
            &Name::new("_HID".into(), &EISAName::new("PNP0501")),
            &Name::new("_UID".into(), &ZERO),
            &Name::new("_CRS".into(), &resources),
        ],
    ))
}
