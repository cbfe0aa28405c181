//! The PCI buses of a partition, as its instance sees them: a segment of their own (ACPI 6.5, section 6.5.6).
//!
//! ```text
//! \_SB.PC01   PNP0A08   a root bus for each of the partition's bus ranges, here that from bus 1
//! \_SB.EC01   PNP0C02   its configuration space: no other device may use these addresses
//! ```
//!
//! Bus numbers are those of the machine. The segment is never 0, for configuration space of segment 0 Linux reaches by
//! the ports 0xCF8 and 0xCFC, which all instances would share; all others only through memory, and the MCFG leads to
//! the partition's own buses only. The bridge before a bus is left out: Linux takes the bus for one that leads to the
//! processors, with the addresses that the bridge hands on.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use acpi_tables::Aml;
use acpi_tables::aml::{
    AddressSpace, AddressSpaceCacheable, And, Arg, CreateDWordField, Device, EISAName, Method, Name, Path,
    ResourceTemplate, Return,
};
use acpi_tables::mcfg::MCFG;

use super::aml::{ConsumedMemory, OEM_ID, OEM_REVISION, OEM_TABLE_ID, serialized};
use crate::address::MemoryRange;
use crate::plan::{PartitionPlan, Plan, PlannedBuses};

/// Of what an operating system may take over (ACPI 6.5, table 6.13), the express capability alone: hot-plug, power
/// management events and error reports are of the bridge before the bus, which stays ours.
const GRANTED: u8 = 1 << 4;
/// Where the control word lies in what `_OSC` is handed.
const CONTROL_OFFSET: u8 = 8;

/// How far apart the segments are in which an instance finds buses of different segments of the machine: further than
/// there are partitions.
const SEGMENT_STEP: u16 = 1 << 8;

/// The segment in which an instance finds buses of the machine's segment `of`: the partition's index and 1, and a step
/// more for each further segment that it has buses of, since their numbers may be the same.
pub fn segment(partition: &PartitionPlan, of: u16) -> u16 {
    let mut before: Vec<u16> = partition.buses.iter().map(|owned| owned.segment).filter(|other| *other < of).collect();
    before.dedup();
    let steps = u16::try_from(before.len()).unwrap_or(u16::MAX);
    (u16::from(partition.index.0) + 1).saturating_add(steps.saturating_mul(SEGMENT_STEP))
}

/// Where configuration space of the partition's buses lies; `None` if it has none.
pub(super) fn mcfg(plan: &Plan, partition: &PartitionPlan) -> Option<MCFG> {
    if partition.buses.is_empty() {
        return None;
    }
    let mut mcfg = MCFG::new(OEM_ID, OEM_TABLE_ID, OEM_REVISION);
    for owned in &partition.buses {
        if let Some(ecam) = plan.ecam_of(owned) {
            mcfg.add_ecam(ecam.base, segment(partition, owned.segment), owned.buses.first, owned.buses.last);
        }
    }
    Some(mcfg)
}

/// The devices of the namespace.
pub(super) fn devices(plan: &Plan, partition: &PartitionPlan) -> Vec<u8> {
    let device = |owned: &PlannedBuses| {
        let mut bytes = root_bus(segment(partition, owned.segment), owned);
        if let Some(space) = plan.ecam_of(owned).and_then(|ecam| ecam.range_of(owned.buses)) {
            bytes.extend(reservation(owned, space));
        }
        bytes
    };
    partition.buses.iter().flat_map(device).collect()
}

fn root_bus(segment: u16, owned: &PlannedBuses) -> Vec<u8> {
    let resources = resources(owned);
    let resources = ResourceTemplate::new(resources.iter().map(AsRef::as_ref).collect());
    serialized(&Device::new(
        name("PC", owned),
        alloc::vec![
            &Name::new("_HID".into(), &EISAName::new("PNP0A08")),
            &Name::new("_CID".into(), &EISAName::new("PNP0A03")),
            &Name::new("_UID".into(), &uid(owned)),
            &Name::new("_SEG".into(), &segment),
            &Name::new("_BBN".into(), &owned.buses.first),
            &Name::new("_CRS".into(), &resources),
            &Method::new(
                "_OSC".into(),
                4,
                false,
                alloc::vec![
                    &CreateDWordField::new(&Path::new("CTRL"), &Arg(3), &CONTROL_OFFSET),
                    &And::new(&Path::new("CTRL"), &Path::new("CTRL"), &GRANTED),
                    &Return::new(&Arg(3)),
                ],
            ),
        ],
    ))
}

/// Buses and addresses that the root bus hands on.
fn resources(owned: &PlannedBuses) -> Vec<Box<dyn Aml>> {
    let windows = owned.windows;
    let memory = |range: MemoryRange, kind| {
        Box::new(AddressSpace::<u64>::new_memory(kind, true, range.start(), range.end() - 1, None)) as Box<dyn Aml>
    };
    let mut resources: Vec<Box<dyn Aml>> =
        alloc::vec![Box::new(AddressSpace::<u16>::new_bus_number(owned.buses.first.into(), owned.buses.last.into()))];
    resources
        .extend(windows.io.map(|io| Box::new(AddressSpace::<u16>::new_io(io.first, io.last, None)) as Box<dyn Aml>));
    resources.extend(windows.memory.map(|range| memory(range, AddressSpaceCacheable::NotCacheable)));
    resources.extend(windows.prefetchable.map(|range| memory(range, AddressSpaceCacheable::PreFetchable)));
    resources
}

fn reservation(owned: &PlannedBuses, space: MemoryRange) -> Vec<u8> {
    let memory = ConsumedMemory(space);
    let resources = ResourceTemplate::new(alloc::vec![&memory]);
    serialized(&Device::new(
        name("EC", owned),
        alloc::vec![
            &Name::new("_HID".into(), &EISAName::new("PNP0C02")),
            &Name::new("_UID".into(), &uid(owned)),
            &Name::new("_CRS".into(), &resources),
        ],
    ))
}

/// Segment and bus of the machine: no two ranges of one partition have the same.
fn uid(owned: &PlannedBuses) -> u32 {
    u32::from(owned.segment) << 8 | u32::from(owned.buses.first)
}

/// Segments of the machine beyond the first are rare, and bus numbers differ within one.
fn name(kind: &str, owned: &PlannedBuses) -> Path {
    let name: String = match owned.segment {
        0 => format!("{kind}{:02X}", owned.buses.first),
        segment => format!("{}{:X}{:02X}", &kind[..1], segment & 0xf, owned.buses.first),
    };
    Path::new(&name)
}
