//! PCI functions and serial ports: the owner of each, or why it has none.

use emulator::columns;
use partitioner::inventory::Inventory;
use partitioner::pci::{Bridge, Functions, Obstacle, PciFunction};
use partitioner::plan::{Assignment, PartitionPlan, Plan, PlannedBuses, PlannedFunction};
use partitioner::view::acpi::segment;

/// The functions and serial ports of a machine, and which can be split off.
pub fn machine_devices(inventory: &Inventory, width: usize) -> String {
    let mut text = String::new();
    if !inventory.serial_ports.is_empty() {
        let rows = (0..).zip(&inventory.serial_ports).map(|(number, port)| {
            let takes = if number == 0 {
                "yes, by the partition with core 0, after the boot image's log has ended"
            } else {
                "yes"
            };
            vec![format!("serial:{number}"), port.to_string(), takes.to_owned()]
        });
        text += &columns::table(&headed(["serial port", "at", "can be had"], rows), width);
    }
    if !inventory.pci.is_empty() {
        let functions = Functions(&inventory.pci);
        let rows = inventory.pci.iter().map(|function| {
            let behind = functions.nearest_bridge(function).map(|(bridge, _)| bridge.address.to_string());
            let mut row = identity(function);
            row.extend([behind.unwrap_or_default(), prospect(functions, function)]);
            row
        });
        text += if text.is_empty() { "" } else { "\n" };
        text += &columns::table(&headed(["PCI function", "class", "model", "behind", "can be had"], rows), width);
    }
    text
}

/// Whether a partition can have a function, and what goes with it.
fn prospect(functions: Functions<'_>, function: &PciFunction) -> String {
    if let Some(bridge) = function.bridge {
        return leads(bridge);
    }
    if let Some(obstacle) = functions.obstacle(function) {
        return format!("no: {obstacle}");
    }
    let mut companions = functions.companions(function);
    match (companions.next(), companions.count()) {
        (None, _) => "yes".to_owned(),
        (Some(first), 0) => format!("yes, together with {}", first.address),
        (Some(first), more) => format!("yes, together with {} and {more} more", first.address),
    }
}

fn leads(bridge: Bridge) -> String {
    bridge.buses.map_or_else(|| "leads nowhere".to_owned(), |buses| format!("leads to bus {buses}"))
}

/// Every serial port and its owner.
pub(super) fn serial_rows(inventory: &Inventory, plan: &Plan) -> Vec<Vec<String>> {
    let rows = (0..).zip(&inventory.serial_ports).map(|(number, port)| {
        let owner = plan.partitions.iter().find(|partition| partition.console == Some(*port));
        let owner = owner.map(|partition| partition.name.clone());
        let whose = match (owner, plan.log_port == Some(*port)) {
            (Some(owner), true) => format!("the boot image's log, then {owner}"),
            (None, true) => "the boot image's log".to_owned(),
            (owner, false) => owner.unwrap_or_else(|| "nobody".to_owned()),
        };
        vec![format!("serial:{number}"), port.to_string(), whose]
    });
    headed(["serial port", "at", "whose"], rows)
}

/// Every PCI function and its assignment.
pub(super) fn function_rows(plan: &Plan) -> Vec<Vec<String>> {
    let all: Vec<_> = plan.pci.iter().map(|planned| planned.function.clone()).collect();
    let rows = plan.pci.iter().map(|planned| {
        let mut row = identity(&planned.function);
        row.push(whose(plan, Functions(&all), planned));
        row
    });
    headed(["PCI function", "class", "model", "whose"], rows)
}

/// The buses of each partition.
pub(super) fn bus_rows(plan: &Plan) -> Vec<Vec<String>> {
    let row = |partition: &PartitionPlan, owned: &PlannedBuses| {
        let bus = format!("{:04x}:{}", owned.segment, owned.buses);
        vec![bus, partition.name.clone(), owned.bridge.to_string(), addresses(owned)]
    };
    let pairs =
        plan.partitions.iter().flat_map(|partition| partition.buses.iter().map(move |owned| (partition, owned)));
    headed(["buses", "whose", "behind", "addresses"], pairs.map(|(partition, owned)| row(partition, owned)))
}

fn addresses(owned: &PlannedBuses) -> String {
    let windows = owned.windows;
    let any = windows.io.is_some() || windows.memory().next().is_some();
    if any { windows.to_string() } else { "not known".to_owned() }
}

fn identity(function: &PciFunction) -> Vec<String> {
    let model = format!("{:04x}:{:04x}", function.vendor_id, function.device_id);
    vec![function.address.to_string(), function.class.to_string(), model]
}

fn whose(plan: &Plan, all: Functions<'_>, planned: &PlannedFunction) -> String {
    let function = &planned.function;
    match planned.assignment {
        Assignment::Owned(index) => {
            let owner = plan.partition(index);
            // The buses keep their numbers, in a segment of the partition's own.
            let there = function.address.to_string().split_off("0000".len());
            let useless = all.obstacle(function).filter(|obstacle| *obstacle != Obstacle::Bridge);
            let useless = useless.map(|obstacle| format!("; of no use: {obstacle}")).unwrap_or_default();
            format!("{}, as {:04x}{there}{useless}", owner.name, segment(owner, function.address.segment()))
        }
        Assignment::UpstreamBridge => format!("on the way to {}", owners_behind(plan, function).join(", ")),
        Assignment::Unassigned => "nobody: not asked for".to_owned(),
        Assignment::Refused(Obstacle::Bridge) => "nobody: nothing behind it is asked for".to_owned(),
        Assignment::Refused(obstacle) => format!("nobody: {obstacle}"),
    }
}

/// The partitions that have anything behind a bridge.
fn owners_behind<'a>(plan: &'a Plan, bridge: &PciFunction) -> Vec<&'a str> {
    let is_behind =
        |owned: &PlannedBuses| owned.segment == bridge.address.segment() && bridge.leads_to_bus(owned.buses.first);
    let owners = plan.partitions.iter().filter(|partition| partition.buses.iter().any(is_behind));
    owners.map(|partition| partition.name.as_str()).collect()
}

fn headed<const N: usize>(head: [&str; N], rows: impl Iterator<Item = Vec<String>>) -> Vec<Vec<String>> {
    [head.map(str::to_owned).to_vec()].into_iter().chain(rows).collect()
}
