//! A plan as text: the cores, memory and devices of each partition, and what is left.

mod devices;
mod lifecycle;

use emulator::columns;
use partitioner::allotment::{Allotment, Purpose, allotments, unassigned};
use partitioner::amount::Amount;
use partitioner::inventory::{CoreNumber, Inventory};
use partitioner::plan::{PartitionPlan, Plan};
use partitioner::request::Request;
use shmem::ring::LANE_LEN;
use shmem::{Geometry, Shape};

pub use devices::machine_devices;

/// The plan of `request` on the machine, as lines of at most `width` characters where columns allow it.
pub fn table(inventory: &Inventory, request: &Request, plan: &Plan, width: usize) -> String {
    let memory = allotments(inventory, plan);
    let tables = [
        partition_rows(request, plan),
        lifecycle::rows(plan),
        memory_rows(plan, &memory),
        devices::function_rows(plan),
        devices::bus_rows(plan),
        devices::serial_rows(inventory, plan),
    ];
    let mut text = format!("{} on {}\n\n", plan.box_name, inventory.machine);
    // A head alone is left out.
    for rows in tables.iter().filter(|rows| rows.len() > 1) {
        text += &columns::table(rows, width);
        text += "\n";
    }
    text + &columns::table(&rest_rows(inventory, plan, &memory), width)
}

fn partition_rows(request: &Request, plan: &Plan) -> Vec<Vec<String>> {
    let head = ["partition", "cores", "boots on", "node", "memory", "console", "kernel"];
    let rows = plan.partitions.iter().zip(&request.partitions).map(|(partition, images)| {
        vec![
            partition.name.clone(),
            core_set(partition.cores.iter().map(|core| core.number)),
            format!("core {}", partition.boot_core().number),
            nodes(partition),
            Amount(partition.memory_len()).to_string(),
            partition.console.map_or_else(|| "none".to_owned(), |port| port.to_string()),
            kernel(plan, partition, images.bzimage.version.as_deref()),
        ]
    });
    [head.map(str::to_owned).to_vec()].into_iter().chain(rows).collect()
}

fn kernel(plan: &Plan, partition: &PartitionPlan, version: Option<&str>) -> String {
    let path = &plan.images[partition.kernel_image].path;
    let release = version.and_then(|version| version.split_whitespace().next());
    release.map_or_else(|| path.clone(), |release| format!("{release} ({path})"))
}

fn nodes(partition: &PartitionPlan) -> String {
    let mut nodes: Vec<u32> = partition.cores.iter().map(|core| core.core.node.0).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

fn memory_rows(plan: &Plan, memory: &[Allotment]) -> Vec<Vec<String>> {
    let head = ["memory", "size", "for"].map(str::to_owned).to_vec();
    let shown = memory.iter().filter(|allotment| !matches!(allotment.purpose, Purpose::Unassigned | Purpose::Firmware));
    let row = |allotment: &Allotment| {
        let size = Amount(allotment.range.len()).to_string();
        vec![allotment.range.to_string(), size, describe(plan, &allotment.purpose)]
    };
    [head].into_iter().chain(shown.map(row)).collect()
}

/// What a stretch of memory is for, in words.
pub fn describe(plan: &Plan, purpose: &Purpose) -> String {
    match purpose {
        Purpose::Partition(number) => plan.partitions[*number].name.clone(),
        Purpose::LowSlice(number) => format!("{}, below 1 MiB", plan.partitions[*number].name),
        Purpose::Window => "window, shared by all".to_owned(),
        Purpose::Image(number) => format!("image {}", plan.images[*number].path),
        Purpose::Resident => "boot image, which stays".to_owned(),
        Purpose::Trampoline => "boot image, to wake cores".to_owned(),
        Purpose::Unassigned => "unassigned".to_owned(),
        Purpose::Firmware => "firmware and devices".to_owned(),
    }
}

fn rest_rows(inventory: &Inventory, plan: &Plan, memory: &[Allotment]) -> Vec<Vec<String>> {
    let idle = match plan.idle_cores.as_slice() {
        [] => "none".to_owned(),
        idle => core_set(idle.iter().map(|core| core.number)),
    };
    let order = plan.start_order.iter().map(|index| plan.partition(*index));
    let order: Vec<&str> =
        order.filter(|partition| partition.lifecycle.start).map(|partition| partition.name.as_str()).collect();
    let log = plan.log_port.map_or_else(|| "none: the boot image is silent".to_owned(), |port| port.to_string());
    let left = format!("{} of {}", Amount(unassigned(memory)), Amount(inventory.usable_memory()));
    let rows = [
        ("starts", order.join(", then ")),
        ("restarts", lifecycle::restartable(plan)),
        ("window", window(plan)),
        ("boot image logs on", log),
        ("idle cores", idle),
        ("unassigned memory", left),
    ];
    rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect()
}

/// The use of the window, pair by pair and partition by partition.
fn window(plan: &Plan) -> String {
    let shape = Shape::new(plan.partitions.len(), plan.queues.into());
    let Ok(geometry) = shape.and_then(|shape| Geometry::new(plan.window.len(), shape)) else {
        return "too small for the virtual Ethernet".to_owned();
    };
    let (pool, lane) = (Amount(geometry.pool_len()), Amount(LANE_LEN));
    let queues = if plan.queues == 1 { "1 queue".to_owned() } else { format!("{} queues", plan.queues) };
    format!("a pool of {pool} for each partition, {queues} of {lane} for each ordered pair")
}

/// A set as the box file writes it: `0-3,6`.
pub fn core_set(cores: impl IntoIterator<Item = CoreNumber>) -> String {
    let mut numbers: Vec<u32> = cores.into_iter().map(|core| core.0).collect();
    numbers.sort_unstable();
    let runs = numbers.chunk_by(|one, next| one + 1 == *next);
    let run = |run: &[u32]| match run {
        [first, .., last] => format!("{first}-{last}"),
        single => single.iter().map(u32::to_string).collect(),
    };
    runs.map(run).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_written_as_in_the_box_file() {
        let set = |numbers: &[u32]| core_set(numbers.iter().copied().map(CoreNumber));
        assert_eq!(set(&[3, 0, 1, 2, 6]), "0-3,6");
        assert_eq!(set(&[5]), "5");
        assert_eq!(set(&[]), "");
    }
}
