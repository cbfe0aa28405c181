//! Boxes that do not fit: a snapshot for each code.

use alloc::string::ToString;

use insta::assert_snapshot;

use super::*;
use crate::inventory::NodeMemory;

/// All that is said about a box that does not fit.
pub(super) fn refusal(inventory: &Inventory, text: &str) -> String {
    refusal_of(inventory, text, &gather(text, |_| None))
}

fn refusal_of(inventory: &Inventory, text: &str, request: &Request) -> String {
    let error = plan(inventory, request).expect_err("this box should be refused");
    let diagnostics = error.diagnostics(request);
    diagnostics.iter().map(|diagnostic| diagnostic.plain("box.toml", text).to_string()).collect::<Vec<_>>().join("\n")
}

/// A box of one core and 256 MiB, held against a machine that `change` has made worse.
fn refusal_by(change: impl Fn(&mut Inventory)) -> String {
    let mut inventory = four_cores();
    change(&mut inventory);
    refusal(&inventory, &box_file(&[("1", "256MiB")]))
}

#[test]
fn what_the_machine_lacks() {
    assert_snapshot!("no-madt", refusal_by(|machine| machine.cores.clear()));
    assert_snapshot!("apic-id-twice", refusal_by(|machine| machine.cores[3].apic_id = ApicId(2)));
    assert_snapshot!("tsc-not-invariant", refusal_by(|machine| machine.tsc.invariant = false));
    assert_snapshot!("tsc-rate-unknown", refusal_by(|machine| machine.tsc.khz = 0));
    assert_snapshot!("no-usable-memory", refusal_by(|machine| machine.memory.clear()));
}

#[test]
fn a_machine_without_madt_is_not_blamed_for_every_core() {
    let text = box_file(&[("'0-1'", "256MiB"), ("2", "256MiB"), ("'1'", "256MiB")]);
    let mut inventory = four_cores();
    inventory.cores.clear();
    assert_snapshot!(refusal(&inventory, &text));
}

#[test]
fn memory_that_the_firmware_keeps() {
    let keep = |start, end| refusal_by(move |machine| machine.memory.push(region(start, end, MemoryKind::AcpiNvs)));
    assert_snapshot!("resident-not-usable", keep(0x20_0000, 0x20_1000));
    assert_snapshot!("trampoline-not-usable", keep(0x8000, 0x9000));
    assert_snapshot!("mp-table-not-usable", keep(0, 0x1000));
}

#[test]
fn cores() {
    let refused = |cpus: &[&str]| {
        let partitions: Vec<_> = cpus.iter().map(|cpus| (*cpus, "256MiB")).collect();
        refusal(&four_cores(), &box_file(&partitions))
    };
    assert_snapshot!("core-claimed-twice", refused(&["'1'", "'0-1'"]));
    assert_snapshot!("cores-claimed-twice", refused(&["'0-3'", "'0-1,3'"]));
    assert_snapshot!("core-does-not-exist", refused(&["2", "'3-5,9'"]));
    assert_snapshot!("too-few-cores", refused(&["1", "2", "2"]));
}

#[test]
fn cores_that_no_instance_can_drive() {
    let mut inventory = four_cores();
    inventory.cores[2].apic_id = ApicId(255);
    inventory.cores[3].apic_id = ApicId(299);
    assert_snapshot!("core-out-of-reach", refusal(&inventory, &box_file(&[("'1-3'", "256MiB")])));
    assert_snapshot!("too-few-cores-in-reach", refusal(&inventory, &box_file(&[("3", "256MiB")])));
}

#[test]
fn more_queues_than_the_window_has_room_for() {
    let text = box_file(&[("1", "128MiB"); 4]).replace("\"64MiB\"", "\"4MiB\"\nqueues = 8");
    assert_snapshot!("too-many-queues", refusal(&four_cores(), &text));
}

#[test]
fn low_memory_exhausted() {
    assert_snapshot!(refusal(&machine(20, 3 << 30, 4 << 30), &box_file(&[("1", "128MiB"); 18])));
}

#[test]
fn images_too_large_for_their_partition() {
    let text = box_file(&[("1", "48MiB"), ("1", "52MiB")]);
    assert_snapshot!("kernel-and-initrd-too-large", refusal(&four_cores(), &text));
}

#[test]
fn memory() {
    let text = box_file(&[("1", "1GiB"), ("1", "1GiB")]);
    assert_snapshot!("too-little-memory", refusal(&four_cores(), &text));
    // 1,018 MiB below 4 GiB and 1,024 above: after the window no piece of 1,020 is left.
    let text = box_file(&[("1", "128MiB")]).replace("\"64MiB\"", "\"1100MiB\"");
    assert_snapshot!("memory-in-pieces", refusal(&machine(1, 1 << 30, 1 << 30), &text));
    // The partition and the window take all.
    let text = box_file(&[("1", "954MiB")]);
    assert_snapshot!("no-room-for-image", refusal(&machine(1, 1 << 30, 0), &text));
}

#[test]
fn a_kernel_finds_no_piece_that_is_long_enough() {
    let mut inventory = machine(1, 256 << 20, 0);
    for start in (32..256).step_by(32) {
        inventory.memory.push(region(start * MIB, start * MIB + 1, MemoryKind::Unusable));
    }
    assert_snapshot!("kernel-in-pieces", refusal(&inventory, &box_file(&[("1", "64MiB")])));
}

/// A machine whose memory above 1 MiB lies in these ranges of mebibytes.
fn machine_of(ranges: &[(u64, u64)]) -> Inventory {
    let mut inventory = machine(1, 1 << 30, 0);
    inventory.memory.truncate(3);
    let usable = |(start, end): &(u64, u64)| region(start * MIB, end * MIB, MemoryKind::Usable);
    inventory.memory.extend(ranges.iter().map(usable));
    inventory
}

#[test]
fn memory_in_which_no_kernel_can_lie_does_not_count() {
    let text = box_file(&[("1", "64MiB")]).replacen("64MiB", "2MiB", 1);
    assert_snapshot!("in-pieces-below-16mib", refusal(&machine_of(&[(1, 64), (128, 170)]), &text));
    assert_snapshot!("in-pieces-by-far", refusal(&machine_of(&[(1, 54), (128, 170)]), &text));
    let text = box_file(&[("1", "64MiB")]);
    assert_snapshot!("in-pieces-window", refusal(&machine_of(&[(1, 84), (128, 178)]), &text));
}

#[test]
fn a_piece_that_two_nodes_share_is_one_piece() {
    let mut inventory = machine_of(&[(1, 112)]);
    let node =
        |start, end, id| NodeMemory { range: MemoryRange::new(start * MIB, end * MIB).unwrap(), node: NodeId(id) };
    inventory.node_memory = vec![node(0, 60, 0), node(60, 112, 1)];
    let text = box_file(&[("1", "90MiB")]).replacen("64MiB", "2MiB", 1);
    let plan = plan(&inventory, &gather(&text, |_| None)).unwrap();
    assert_eq!(plan.partitions[0].memory_len(), 90 * MIB);
}

#[test]
fn partitions_on_one_physical_core_are_warned_of() {
    let mut inventory = machine(8, 4 << 30, 0);
    inventory.smt_shift = 1;
    let warned = |cpus: &[&str]| {
        let partitions: Vec<_> = cpus.iter().map(|cpus| (*cpus, "256MiB")).collect();
        let text = box_file(&partitions);
        let request = gather(&text, |_| None);
        let warnings = warnings(&inventory, &request, &plan(&inventory, &request).unwrap());
        warnings.iter().map(|warning| format!("{}\n", warning.plain("box.toml", &text))).collect::<String>()
    };
    assert_snapshot!("physical-core-split", warned(&["'0,2,5'", "'1,3,4'", "'6'"]));
    assert_eq!(warned(&["2", "4", "1"]), "");
    assert_eq!(warned(&["'0-1'", "'2-3'"]), "");
}

#[test]
fn all_conflicts_are_told_at_once() {
    let mut inventory = four_cores();
    inventory.tsc.invariant = false;
    let text = box_file(&[("'0-1'", "4GiB"), ("'1,7'", "32MiB"), ("4", "256MiB")]);
    assert_snapshot!(refusal(&inventory, &text));
}
