use alloc::vec::Vec;

use proptest::prelude::*;

use super::table::entries;
use super::tsc::TscLeaf;
use super::*;
use crate::address::MemoryRange;
use crate::diagnostic::Diagnostic;
use crate::inventory::{MemoryKind, MemoryRegion};

/// A table with a header, `fixed` bytes behind it, and entries.
pub(super) fn table(signature: &[u8; 4], revision: u8, fixed: &[u8], entries: &[&[u8]]) -> Vec<u8> {
    let mut bytes = signature.to_vec();
    bytes.resize(36, 0);
    bytes[8] = revision;
    bytes.extend(fixed);
    bytes.extend(entries.concat());
    let len = u32::try_from(bytes.len()).unwrap();
    bytes[4..8].copy_from_slice(&len.to_le_bytes());
    bytes
}

fn lapic(uid: u8, id: u8, flags: u8) -> [u8; 8] {
    [0, 8, uid, id, flags, 0, 0, 0]
}

fn x2apic(uid: u8, id: u16, flags: u8) -> [u8; 16] {
    let [low, high] = id.to_le_bytes();
    [9, 16, 0, 0, low, high, 0, 0, flags, 0, 0, 0, uid, 0, 0, 0]
}

fn madt(entries: &[&[u8]]) -> Vec<u8> {
    table(b"APIC", 5, &[0, 0, 0xe0, 0xfe, 1, 0, 0, 0], entries)
}

#[test]
fn cores_come_boot_processor_first_and_only_once() {
    let madt = madt(&[
        &lapic(10, 0, 1),
        &lapic(11, 2, 1),
        &lapic(12, 4, 0),
        &lapic(13, 6, 2),
        &lapic(14, 2, 1),
        &lapic(15, 255, 1),
        &[1, 12, 7, 0, 0, 0, 0xc0, 0xfe, 24, 0, 0, 0],
        &x2apic(16, 0x200, 1),
        &x2apic(17, 2, 1),
    ]);
    let tables = FirmwareTables { madt: Some(&madt), ..FirmwareTables::default() };
    let topology = topology(&tables, ApicId(0x200)).unwrap();
    let cores: Vec<_> = topology.cores.iter().map(|core| (core.apic_id.0, core.acpi_uid, core.node.0)).collect();
    assert_eq!(cores, [(0x200, 16, 0), (0, 10, 0), (2, 11, 0)]);
    assert_eq!(topology.io_apics, [IoApic { id: 7, address: 0xfec0_0000, gsi_base: 24 }]);
    assert_eq!(topology.local_apic_address, 0xfee0_0000);
}

#[test]
fn an_override_moves_the_local_apic() {
    let madt = madt(&[&lapic(0, 0, 1), &[5, 12, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]]);
    assert_eq!(madt::read(&madt).unwrap().local_apic_address, 1 << 32);
}

#[test]
fn an_srat_gives_cores_and_memory_their_nodes() {
    let madt = madt(&[&lapic(0, 0, 1), &lapic(1, 1, 1), &x2apic(2, 0x300, 1)]);
    let srat = table(
        b"SRAT",
        3,
        &[0; 12],
        &[
            &[0, 16, 1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0],
            &[2, 24, 0, 0, 5, 0, 0, 0, 0, 3, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &memory_affinity(5, 1),
            &memory_affinity(6, 0),
        ],
    );
    let tables = FirmwareTables { madt: Some(&madt), srat: Some(&srat), mcfg: None };
    let topology = topology(&tables, ApicId(0)).unwrap();
    assert_eq!(topology.cores.iter().map(|core| core.node.0).collect::<Vec<_>>(), [0, 0x1_0001, 5]);
    let range = MemoryRange::with_len(1 << 32, 1 << 20).unwrap();
    assert_eq!(topology.node_memory, [NodeMemory { range, node: NodeId(5) }]);
}

fn memory_affinity(domain: u8, flags: u8) -> [u8; 40] {
    let mut entry = [0; 40];
    entry[..3].copy_from_slice(&[1, 40, domain]);
    entry[12] = 1;
    entry[18] = 0x10;
    entry[28] = flags;
    entry
}

#[test]
fn an_mcfg_gives_segments() {
    let allocation = |first, last| [0, 0, 0, 0xb0, 0, 0, 0, 0, 1, 0, first, last, 0, 0, 0, 0];
    let mcfg = table(b"MCFG", 1, &[0; 8], &[&allocation(0, 255), &allocation(9, 3), &[1, 2, 3]]);
    let segment = EcamSegment { segment: 1, base: 0xb000_0000, first_bus: 0, last_bus: 255 };
    assert_eq!(mcfg::read(&mcfg).unwrap(), [segment]);
}

#[test]
fn what_is_missing_or_damaged_is_named() {
    let reported = |madt: Option<&[u8]>| {
        let error = topology(&FirmwareTables { madt, ..FirmwareTables::default() }, ApicId(9)).unwrap_err();
        alloc::format!("{}", Diagnostic::from(&error))
    };
    let whole = madt(&[&lapic(0, 0, 1)]);
    let lines = [reported(None), reported(Some(&whole[..50])), reported(Some(b"APIC")), reported(Some(&whole))];
    insta::assert_snapshot!(lines.join("\n"), @r"
    the firmware has no ACPI MADT, so the cores of this machine are unknown [no-madt]
    the ACPI table APIC is damaged: 50 bytes are there, its header says 52 [firmware-table-damaged]
    the ACPI table APIC is damaged: 4 bytes are there, its header says 0 [firmware-table-damaged]
    the boot processor, APIC ID 9, is not among the 1 enabled processors of the MADT [boot-processor-missing]
    ");
}

#[test]
fn the_rate_comes_from_the_crystal_or_the_base_frequency() {
    let leaf = |denominator, numerator, crystal_hz| TscLeaf { denominator, numerator, crystal_hz };
    assert_eq!(tsc_khz(leaf(2, 216, 24_000_000), 0), Some(2_592_000));
    assert_eq!(tsc_khz(leaf(2, 176, 0), 2100), Some(2_100_000));
    assert_eq!(tsc_khz(leaf(2, 176, 0), 0), None);
    assert_eq!(tsc_khz(leaf(0, 176, 24_000_000), 2100), None);
    assert_eq!(tsc_khz(leaf(1, u32::MAX, u32::MAX), 0), Some(u64::from(u32::MAX).pow(2) / 1000));
}

#[test]
fn the_more_restrictive_kind_has_what_two_claim() {
    let raw = |start, len, kind| RawRegion { start, len, kind };
    let map = memory_map([raw(0x8000, 0x1000, 2), raw(0, 0x9000, 1), raw(0x3000, 0x1000, 7), raw(9, 0, 5)]);
    let region = |start, end, kind| MemoryRegion { range: MemoryRange::new(start, end).unwrap(), kind };
    let [usable, reserved] = [MemoryKind::Usable, MemoryKind::Reserved];
    let expected = [
        region(0, 0x3000, usable),
        region(0x3000, 0x4000, reserved),
        region(0x4000, 0x8000, usable),
        region(0x8000, 0x9000, reserved),
    ];
    assert_eq!(map, expected);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        signature in proptest::sample::select(alloc::vec![*b"APIC", *b"SRAT", *b"MCFG"]),
        mut bytes in proptest::collection::vec(any::<u8>(), 8..400),
        stated in 0u16..420,
    ) {
        bytes[..4].copy_from_slice(&signature);
        bytes[4..8].copy_from_slice(&u32::from(stated).to_le_bytes());
        let tables = FirmwareTables { madt: Some(&bytes), srat: Some(&bytes), mcfg: Some(&bytes) };
        let _ = topology(&tables, ApicId(0));
        let read = (madt::read(&bytes).is_ok(), srat::read(&bytes).is_ok(), mcfg::read(&bytes).is_ok());
        let fixed = if signature == *b"SRAT" { 48 } else { 44 };
        let whole = (fixed..=bytes.len()).contains(&usize::from(stated));
        let expected = (whole && signature == *b"APIC", whole && signature == *b"SRAT", whole && signature == *b"MCFG");
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn entries_are_disjoint_and_inside(body in proptest::collection::vec(0u8..6, 0..200)) {
        let total: usize = entries(&body).map(|(_, entry)| entry.len()).sum();
        prop_assert!(total <= body.len());
        prop_assert!(entries(&body).all(|(kind, entry)| entry.len() >= 2 && entry[0] == kind));
    }

    #[test]
    fn a_map_is_sorted_and_says_of_each_byte_the_most_restrictive(
        raw in proptest::collection::vec((0u64..64, 0u64..16, 0u32..8), 0..24),
        high in any::<(u64, u64)>(),
    ) {
        let mut regions: Vec<_> =
            raw.iter().map(|(start, len, kind)| RawRegion { start: *start, len: *len, kind: *kind }).collect();
        regions.push(RawRegion { start: high.0 | 1 << 40, len: high.1, kind: 1 });
        let map = memory_map(regions.iter().copied());
        prop_assert!(map.windows(2).all(|pair| pair[0].range.end() <= pair[1].range.start()));
        for byte in 0..100 {
            let covers = |raw: &&RawRegion| raw.start <= byte && byte < raw.start + raw.len;
            let claimed = regions.iter().filter(|raw| raw.start < 1 << 40).filter(covers).map(|raw| raw.kind);
            let expected = claimed.map(|kind| match kind { 1 => 0, 3 => 1, 4 => 2, 5 => 4, _ => 3 }).max();
            let got = map.iter().find(|region| region.range.start() <= byte && byte < region.range.end());
            let got = got.map(|region| match region.kind {
                MemoryKind::Usable => 0,
                MemoryKind::AcpiReclaimable => 1,
                MemoryKind::AcpiNvs => 2,
                MemoryKind::Reserved => 3,
                MemoryKind::Unusable => 4,
            });
            prop_assert_eq!(got, expected, "byte {}", byte);
        }
    }
}
