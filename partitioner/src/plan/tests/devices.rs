//! Who has which PCI functions and serial ports.

use alloc::string::ToString;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::refusals::refusal;
use super::*;
use crate::pci::{Bar, BarKind, Bridge, BusRange, Interrupts, PciAddress, PciClass, PciFunction, Windows};

fn at(text: &str) -> PciAddress {
    text.parse().unwrap()
}

fn function(address: &str, class: u32) -> PciFunction {
    PciFunction {
        address: at(address),
        vendor_id: 0x1af4,
        device_id: 0x1041,
        class: PciClass(class),
        bars: Vec::new(),
        interrupts: Interrupts { msi: None, msi_x: Some(0x60) },
        bridge: None,
    }
}

fn bridge(address: &str, first: u8, last: u8) -> PciFunction {
    let windows =
        Windows { memory: MemoryRange::with_len(0xc000_0000 + u64::from(first) * MIB, MIB), ..Windows::default() };
    let bridge = Bridge { buses: Some(BusRange { first, last }), windows };
    PciFunction { bridge: Some(bridge), ..function(address, 0x06_04_00) }
}

const NVME: u32 = 0x01_08_02;
const NETWORK: u32 = 0x02_00_00;

/// ```text
/// bus 0   02.0 ─ bus 1   00.0 NVMe, 00.1 network
///         03.0 ─ bus 2   00.0 switch ─ bus 3   00.0 ─ bus 4   00.0 NVMe
///                                              01.0 ─ bus 5   00.0 network
///         04.0 ─ bus 6   00.0 network, by a pin only
///         05.0 ─ bus 7   00.0 network, out of reach
///         1f.2 SATA
/// ```
fn with_cards() -> Inventory {
    let pin_only = PciFunction { interrupts: Interrupts::default(), ..function("0000:06:00.0", NETWORK) };
    let bar = Bar { index: 0, kind: BarKind::Memory32, address: 0, len: 0x1000 };
    let out_of_reach = PciFunction { bars: vec![bar], ..function("0000:07:00.0", 0x04_03_00) };
    let pci = vec![
        bridge("0000:00:02.0", 1, 1),
        bridge("0000:00:03.0", 2, 5),
        bridge("0000:00:04.0", 6, 6),
        bridge("0000:00:05.0", 7, 7),
        function("0000:00:1f.2", 0x01_06_01),
        function("0000:01:00.0", NVME),
        function("0000:01:00.1", NETWORK),
        bridge("0000:02:00.0", 3, 5),
        bridge("0000:03:00.0", 4, 4),
        bridge("0000:03:01.0", 5, 5),
        function("0000:04:00.0", NVME),
        function("0000:05:00.0", NETWORK),
        pin_only,
        out_of_reach,
    ];
    Inventory { pci, ..four_cores() }
}

/// A box of partitions of one core with these devices.
fn box_of(devices: &[&str]) -> String {
    let mut text = String::from("[box]\nname = \"pair\"\nshared_memory = \"64MiB\"\n");
    for (index, devices) in devices.iter().enumerate() {
        text += &format!("\n[[partition]]\nname = \"p{index}\"\ncpus = 1\nmemory = \"128MiB\"\nkernel = \"vmlinuz\"\n");
        text += &format!("devices = [{devices}]\n");
    }
    text
}

fn planned(inventory: &Inventory, devices: &[&str]) -> Plan {
    let request = gather(&box_of(devices), |_| None);
    plan(inventory, &request).unwrap_or_else(|error| panic!("{:?}", error.conflicts))
}

/// The bus ranges of each partition.
fn buses(plan: &Plan) -> Vec<Vec<String>> {
    let buses = |partition: &PartitionPlan| partition.buses.iter().map(|owned| owned.buses.to_string()).collect();
    plan.partitions.iter().map(buses).collect()
}

#[test]
fn a_function_takes_its_bus_along() {
    let plan = planned(&with_cards(), &["'0000:01:00.1'", "'0000:05:00.0'", ""]);
    assert_eq!(buses(&plan), [vec!["01"], vec!["05"], vec![]]);
    assert_eq!(plan.partitions[1].buses[0].bridge, at("0000:03:01.0"));
    let assignments: Vec<_> =
        plan.pci.iter().map(|planned| format!("{} {:?}", planned.function.address, planned.assignment)).collect();
    insta::assert_debug_snapshot!(assignments);
}

#[test]
fn a_class_takes_the_first_that_is_left() {
    let plan = planned(&with_cards(), &["'class:nvme'", "'class:nvme', 'class:network'"]);
    assert_eq!(buses(&plan), [vec!["01"], vec!["04", "05"]]);
    let plan = planned(&with_cards(), &["'class:nvme'", "'0000:01:00.0'"]);
    assert_eq!(buses(&plan), [["04"], ["01"]], "addresses go first");
    let plan = planned(&with_cards(), &["'id:1af4:1041', 'id:1af4:1041'"]);
    assert_eq!(buses(&plan), [["01"]], "two functions of one bus");
}

#[test]
fn what_lies_inside_is_told_once() {
    let mut inventory = with_cards();
    inventory.pci.push(function("0000:03:02.0", NETWORK));
    let plan = planned(&inventory, &["'0000:04:00.0', '0000:03:02.0'"]);
    assert_eq!(buses(&plan), [["03-05"]]);
}

#[test]
fn a_serial_port_goes_to_whom_it_is_promised() {
    let plan = planned(&four_cores(), &["", "'serial:1'"]);
    let ports: Vec<_> = plan.partitions.iter().map(|partition| partition.console.unwrap().io_port).collect();
    assert_eq!(ports, [0x3e8, 0x2f8]);
}

#[test]
fn what_nobody_can_have() {
    let refused = |devices: &[&str]| refusal(&with_cards(), &box_of(devices));
    assert_snapshot!("no-such-device", refused(&["'0000:09:00.0', 'class:display', 'serial:7'"]));
    assert_snapshot!("device-is-a-bridge", refused(&["'0000:00:02.0'"]));
    assert_snapshot!("device-on-root-bus", refused(&["'class:sata'"]));
    assert_snapshot!("device-without-msi", refused(&["'0000:06:00.0'"]));
    assert_snapshot!("device-out-of-reach", refused(&["'0000:07:00.0'"]));
}

#[test]
fn what_two_want() {
    let refused = |devices: &[&str]| refusal(&with_cards(), &box_of(devices));
    assert_snapshot!("device-claimed-twice", refused(&["'0000:04:00.0'", "'0000:04:00.0'"]));
    assert_snapshot!("serial-port-claimed-twice", refused(&["'serial:1'", "'serial:1'"]));
    assert_snapshot!("bus-claimed-twice", refused(&["'0000:01:00.0'", "'0000:01:00.1'"]));
    assert_snapshot!("no-device-left", refused(&["'class:nvme'", "'class:nvme'", "'class:nvme'"]));
}

#[test]
fn what_the_machine_is_not_made_for() {
    let mut inventory = with_cards();
    inventory.ecam.clear();
    assert_snapshot!("no-configuration-space", refusal(&inventory, &box_of(&["", "'class:nvme'"])));
    assert_snapshot!("serial-port-of-the-log", refusal(&with_cards(), &box_of(&["", "'serial:0'"])));
}

/// Machines of up to eight ports with one or two functions behind each.
fn some_cards() -> impl Strategy<Value = Vec<PciFunction>> {
    let class = prop::sample::select(vec![NVME, NETWORK]);
    prop::collection::vec(prop::collection::vec(class, 1..3), 1..8).prop_map(|ports| {
        let mut pci = Vec::new();
        for (bus, classes) in (1u8..).zip(ports) {
            pci.push(bridge(&format!("0000:00:{bus:02x}.0"), bus, bus));
            pci.extend(
                (0..).zip(classes).map(|(number, class)| function(&format!("0000:{bus:02x}:00.{number}"), class)),
            );
        }
        pci.sort_by_key(|function| function.address);
        pci
    })
}

fn some_selectors() -> impl Strategy<Value = Vec<String>> {
    let selector = prop_oneof![
        Just("'class:nvme'".to_string()),
        Just("'class:network'".to_string()),
        (1u8..9, 0u8..2).prop_map(|(bus, function)| format!("'0000:{bus:02x}:00.{function}'")),
    ];
    prop::collection::vec(prop::collection::vec(selector, 0..3).prop_map(|selectors| selectors.join(", ")), 1..4)
}

proptest! {
    #[test]
    fn no_bus_belongs_to_two_and_nothing_is_lost(pci in some_cards(), selectors in some_selectors()) {
        let inventory = Inventory { pci, ..four_cores() };
        let selectors: Vec<_> = selectors.iter().map(String::as_str).collect();
        let request = gather(&box_of(&selectors), |_| None);
        let Ok(plan) = plan(&inventory, &request) else { return Ok(()) };
        let all: Vec<_> = plan.partitions.iter().flat_map(|partition| &partition.buses).collect();
        for (index, owned) in all.iter().enumerate() {
            prop_assert!(all[index + 1..].iter().all(|other| !other.buses.overlaps(owned.buses)));
        }
        let functions: Vec<_> = plan.pci.iter().map(|planned| &planned.function).collect();
        prop_assert_eq!(functions, inventory.pci.iter().collect::<Vec<_>>());
        for planned in &plan.pci {
            let owners = plan.partitions.iter().filter(|partition| {
                partition.buses.iter().any(|owned| owned.contain(planned.function.address))
            });
            let owners: Vec<_> = owners.map(|partition| Assignment::Owned(partition.index)).collect();
            match planned.assignment {
                Assignment::Owned(_) => prop_assert_eq!(owners, [planned.assignment]),
                _ => prop_assert_eq!(owners, []),
            }
        }
        for (partition, entry) in plan.partitions.iter().zip(&request.file.partitions) {
            prop_assert_eq!(partition.buses.is_empty(), entry.devices.is_empty());
        }
    }
}
