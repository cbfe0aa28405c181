//! The zero page as rust-vmm's `linux-loader` reads it, and the memory map as arithmetic has it.
#![expect(unsafe_code, reason = "linux-loader gives a structure, not a parser")]

use crate::fixture::{DB, FAR, WEB, bzimage, plan, range};
use linux_loader::bootparam::boot_params;
use partitioner::address::{MIB, MemoryRange};
use partitioner::layout::LOW_SLICES_END;
use partitioner::plan::{PartitionPlan, Plan};
use partitioner::view::{E820Entry, E820Kind, ViewError, e820, seed_address, zero_page};
use proptest::prelude::*;

fn boot_params_of(plan: &Plan, partition: usize) -> boot_params {
    let page = zero_page(plan, &plan.partitions[partition], &bzimage()).expect("the fixture has a zero page");
    assert_eq!(size_of::<boot_params>(), page.len());
    // SAFETY: the page has as many bytes as a `boot_params`, which consists of integers only.
    unsafe { page.as_ptr().cast::<boot_params>().read_unaligned() }
}

#[test]
fn a_foreign_reader_finds_tables_initrd_and_command_line_above_4_gib() {
    let plan = plan();
    let params = boot_params_of(&plan, DB);
    let (base, initrd) = (4096 << 20, plan.partitions[DB].initrd.unwrap());
    let wide = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
    let hdr = params.hdr;
    let (rsdp, high_line, high_image, high_size) =
        (params.acpi_rsdp_addr, params.ext_cmd_line_ptr, params.ext_ramdisk_image, params.ext_ramdisk_size);
    assert_eq!(rsdp, base);
    assert_eq!(wide(high_line, hdr.cmd_line_ptr), base + 0x9000);
    assert_eq!(wide(high_image, hdr.ramdisk_image), initrd.start());
    assert_eq!(wide(high_size, hdr.ramdisk_size), initrd.len());
    assert_eq!(hdr.type_of_loader, 0xff);
    assert_eq!(hdr.loadflags, 0x5a | 1);
    assert_eq!(params.sentinel, 0);
    assert_eq!({ hdr.setup_data }, seed_address(&plan.partitions[DB]), "the seed is its only setup_data");
}

#[test]
fn the_setup_header_is_the_kernels_and_all_else_is_zero() {
    let page = zero_page(&plan(), &plan().partitions[WEB], &bzimage()).unwrap();
    // type_of_loader and loadflags, ramdisk, command line, setup_data.
    let ours = [0x210..0x212, 0x218..0x220, 0x228..0x22c, 0x250..0x258];
    let changed: Vec<usize> = ours.into_iter().flatten().collect();
    let header = 0x1f1..0x1f1 + bzimage().setup_header.len();
    for (at, byte) in page.iter().enumerate() {
        if header.contains(&at) && !changed.contains(&at) {
            assert_eq!(*byte, 0x5a, "byte {at:#x}");
        } else if !changed.contains(&at) && !(0x70..0x78).contains(&at) && at != 0x1e8 && !(0x2d0..0xcd0).contains(&at)
        {
            assert_eq!(*byte, 0, "byte {at:#x}");
        }
    }
    assert_eq!(page[0x218..0x220], [0; 8], "web has no initial file system");
}

#[test]
fn a_foreign_reader_finds_the_memory_map() {
    let plan = plan();
    for partition in [WEB, DB, FAR] {
        let params = boot_params_of(&plan, partition);
        let ours = e820(&plan, &plan.partitions[partition]).unwrap();
        assert_eq!(usize::from(params.e820_entries), ours.len());
        let table = params.e820_table;
        for (read, entry) in table.iter().zip(&ours) {
            let (addr, size, kind) = (read.addr, read.size, read.r#type);
            assert_eq!((addr, size, kind), (entry.range.start(), entry.range.len(), entry.kind as u32));
        }
    }
}

#[test]
fn the_map_of_a_partition_in_two_runs() {
    let plan = plan();
    let lines: Vec<String> =
        e820(&plan, &plan.partitions[FAR]).unwrap().iter().map(|e| format!("{} {:?}", e.range, e.kind)).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

/// Asserts what every map must be.
fn check_map(plan: &Plan, partition: &PartitionPlan, map: &[E820Entry]) {
    for pair in map.windows(2) {
        assert!(pair[0].range.end() <= pair[1].range.start(), "{pair:?} overlap or are out of order");
        let touching = pair[0].range.end() == pair[1].range.start();
        assert!(!touching || pair[0].kind != pair[1].kind, "{pair:?} are one");
    }
    let len = |kind| map.iter().filter(|e| e.kind == kind).map(|e| e.range.len()).sum::<u64>();
    assert_eq!(len(E820Kind::Usable), partition.memory_len() - partition.tables.len() + partition.low.len());
    assert_eq!(len(E820Kind::AcpiTables), partition.tables.len());
    let is = |range: MemoryRange, kind| map.iter().any(|e| e.kind == kind && e.range.contains(range));
    assert!(is(partition.low, E820Kind::Usable) && is(partition.tables, E820Kind::AcpiTables));
    assert!(is(plan.window, E820Kind::Reserved), "the window is not reserved");
    for other in plan.partitions.iter().filter(|other| other.index != partition.index) {
        assert!(other.memory.iter().all(|run| is(*run, E820Kind::Reserved)), "memory of {} shows", other.name);
        assert!(is(other.low, E820Kind::Reserved));
    }
    let left_out = range(LOW_SLICES_END, MIB - LOW_SLICES_END);
    for known in plan.machine_memory.iter().flat_map(|known| known.without(left_out)).flatten() {
        let covered = map.iter().filter_map(|e| e.range.intersection(known)).map(MemoryRange::len).sum::<u64>();
        assert_eq!(covered, known.len(), "{known} is not covered");
    }
    // Linux would not let others read what lies above.
    let goes_on = |range: MemoryRange| range.start() < MIB && range.end() > MIB;
    assert!(!map.iter().any(|e| goes_on(e.range)), "a range goes on from below 1 MiB: {map:?}");
}

#[test]
fn every_map_shows_its_own_and_reserves_the_rest() {
    let plan = plan();
    for partition in &plan.partitions {
        check_map(&plan, partition, &e820(&plan, partition).unwrap());
    }
}

proptest! {
    /// Scattered firmware: the map is whole, and never longer than a zero page holds.
    #[test]
    fn a_scattered_machine_still_has_a_map(gaps in proptest::collection::vec((1u64..9, 1u64..9), 0..400)) {
        let mut plan = plan();
        let mut next = 8u64 << 30;
        for (gap, len) in gaps {
            plan.machine_memory.push(range(next + (gap << 12), len << 12));
            next += (gap + len) << 12;
        }
        for partition in &plan.partitions {
            check_map(&plan, partition, &e820(&plan, partition).unwrap());
        }
    }
}

#[test]
fn memory_in_too_many_pieces_is_refused() {
    let mut plan = plan();
    plan.partitions[DB].memory = (0..130).map(|n| range((8 << 30) + n * (4 << 20), 2 << 20)).collect();
    plan.partitions[DB].tables = range(8 << 30, 64 << 10);
    let error = e820(&plan, &plan.partitions[DB]).unwrap_err();
    assert!(matches!(error, ViewError::MemoryMapTooLong { most: 128, .. }), "{error}");
}
