//! Boxes that fit, and who gets what.

use super::*;
use crate::inventory::NodeMemory;
use crate::layout::{LOW_SLICE_LEN, LOW_SLICES_START};

fn mib(start: u64, end: u64) -> MemoryRange {
    MemoryRange::new(start * MIB, end * MIB).unwrap()
}

fn planned(inventory: &Inventory, partitions: &[(&str, &str)]) -> Plan {
    plan(inventory, &gather(&box_file(partitions), |_| None)).unwrap()
}

fn runs(plan: &Plan) -> Vec<&[MemoryRange]> {
    plan.partitions.iter().map(|partition| &partition.memory[..]).collect()
}

#[test]
fn two_partitions_lie_one_behind_the_other() {
    let plan = planned(&four_cores(), &[("2", "512MiB"), ("2", "512MiB")]);
    assert_eq!(runs(&plan), [[mib(4, 516)], [mib(516, 1028)]]);
    assert_eq!(plan.window, mib(1028, 1092));
    assert_eq!(plan.partitions[0].kernel, mib(16, 64));
    assert_eq!(plan.partitions[1].kernel, mib(518, 566));
    assert_eq!(plan.partitions[0].initrd, Some(mib(513, 516)));
    assert_eq!(plan.partitions[0].low, MemoryRange::with_len(LOW_SLICES_START, LOW_SLICE_LEN).unwrap());
}

#[test]
fn there_are_as_many_queues_as_the_largest_pair_can_serve_on_both_sides() {
    let queues = |cpus: &[&str]| {
        let partitions: Vec<_> = cpus.iter().map(|cpus| (*cpus, "128MiB")).collect();
        planned(&machine(24, 3 << 30, 0), &partitions).queues
    };
    assert_eq!(queues(&["4"]), 1, "there is no pair");
    assert_eq!(queues(&["4", "1"]), 1);
    assert_eq!(queues(&["1", "'3-5,9'", "2"]), 2);
    assert_eq!(queues(&["3", "3", "1"]), 3);
    assert_eq!(queues(&["10", "12"]), 8, "there are no more");
}

#[test]
fn queues_leave_half_of_each_pool_to_all_unless_the_owner_wants_more() {
    let text = |more: &str| box_file(&[("8", "128MiB"); 3]).replace("\"64MiB\"", &format!("\"4MiB\"\n{more}"));
    let queues = |more| plan(&machine(24, 3 << 30, 0), &gather(&text(more), |_| None)).unwrap().queues;
    // 1,357 KiB each, of which a queue keeps 96 for each of two peers.
    assert_eq!(queues(""), 3);
    assert_eq!(queues("queues = 6"), 6);
    assert_eq!(queues("queues = 1"), 1);
}

#[test]
fn the_boot_processor_boots_its_partition_and_starts_it_last() {
    let plan = planned(&four_cores(), &[("2", "256MiB"), ("'3,1'", "256MiB")]);
    let cores: Vec<Vec<u32>> =
        plan.partitions.iter().map(|partition| partition.cores.iter().map(|core| core.number.0).collect()).collect();
    assert_eq!(cores, [[0, 2], [1, 3]]);
    assert_eq!(plan.start_order, [PartitionIndex(1), PartitionIndex(0)]);
}

#[test]
fn cores_that_nobody_wants_stay_idle() {
    let plan = planned(&four_cores(), &[("'1'", "256MiB"), ("'2'", "256MiB")]);
    let idle: Vec<u32> = plan.idle_cores.iter().map(|core| core.number.0).collect();
    assert_eq!(idle, [0, 3]);
    assert_eq!(plan.start_order, [PartitionIndex(0), PartitionIndex(1)]);
}

#[test]
fn a_partition_that_fits_nowhere_below_lies_wholly_above_4_gib() {
    let inventory = machine(3, 2 << 30, 2 << 30);
    let plan = planned(&inventory, &[("1", "512MiB"), ("1", "1536MiB"), ("1", "512MiB")]);
    assert_eq!(runs(&plan), [[mib(4, 516)], [mib(4096, 5632)], [mib(516, 1028)]]);
    assert_eq!(plan.partitions[1].kernel.start(), GIB_4 + 2 * MIB);
}

#[test]
fn a_partition_gets_memory_near_its_cores() {
    let mut inventory = machine(4, 2 << 30, 2 << 30);
    inventory.cores[2].node = NodeId(1);
    inventory.cores[3].node = NodeId(1);
    inventory.node_memory = vec![
        NodeMemory { range: mib(0, 2048), node: NodeId(0) },
        NodeMemory { range: mib(4096, 6144), node: NodeId(1) },
    ];
    let plan = planned(&inventory, &[("'2-3'", "512MiB"), ("'0-1'", "512MiB")]);
    assert_eq!(runs(&plan), [[mib(4096, 4608)], [mib(4, 516)]]);
}

#[test]
fn a_partition_longer_than_any_run_gets_several() {
    let inventory = machine(2, 1 << 30, 1 << 30);
    let plan = planned(&inventory, &[("1", "1536MiB"), ("1", "256MiB")]);
    assert_eq!(runs(&plan), [&[mib(4, 1022), mib(4096, 4614)][..], &[mib(4614, 4870)]]);
}

#[test]
fn the_order_of_the_file_gives_way_where_memory_lies_in_pieces() {
    // Below 4 GiB lie 1,018 MiB and above 64: in the order of the file the window finds 62 and 64 MiB left.
    let inventory = machine(2, 1 << 30, 64 << 20);
    let file = box_file(&[("1", "956MiB")]).replace("\"64MiB\"", "\"66MiB\"");
    let plan = plan(&inventory, &gather(&file, |_| None)).unwrap();
    assert_eq!(plan.window, mib(4, 70));
    assert_eq!(runs(&plan), [[mib(70, 1022), mib(4096, 4100)]]);
}

#[test]
fn an_image_stays_where_it_is_if_nobody_has_that_memory() {
    let place = 1500 * MIB + 12;
    let file = box_file(&[("1", "256MiB")]);
    let plan = plan(&four_cores(), &gather(&file, |path| (path == "demo.img").then_some(place))).unwrap();
    let initrd = plan.partitions[0].initrd_image.unwrap();
    assert_eq!(plan.images[initrd].range.start(), place);
}

#[test]
fn an_image_in_the_way_is_moved_and_onto_no_other() {
    // The kernel lies where the partition will, the initial file system where the kernel would first be moved.
    let file = box_file(&[("1", "256MiB")]);
    let first_left_over = (4 + 256 + 64) * MIB;
    let loaded = |path: &str| Some(if path == "vmlinuz" { 20 * MIB } else { first_left_over });
    let plan = plan(&four_cores(), &gather(&file, loaded)).unwrap();
    assert_eq!(plan.images[1].range.start(), first_left_over);
    assert_eq!(plan.images[0].range.start(), first_left_over + INITRD_LEN as u64);
}

#[test]
fn the_map_of_the_machine_is_joined_whatever_is_in_it() {
    let plan = planned(&machine(1, 1 << 30, 1 << 30), &[("1", "256MiB")]);
    let low = MemoryRange::new(0, 0xa_0000).unwrap();
    let firmware_and_memory = MemoryRange::new(0xf_0000, 1 << 30).unwrap();
    assert_eq!(plan.machine_memory, [low, firmware_and_memory, mib(0xb00, 0xc00), mib(4096, 5120)]);
}
