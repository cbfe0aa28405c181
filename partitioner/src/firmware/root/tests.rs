//! Ways to the tables, sound and broken.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::firmware::tests::table;

const POINTER: u64 = 0xf_5a40;
const ROOT: u64 = 0x7ffe_1000;
const MADT: u64 = 0x7ffe_2000;

/// Pieces of memory, each by its address. Between them nothing can be read.
#[derive(Clone, Default)]
struct Fake(BTreeMap<u64, Vec<u8>>);

impl PhysicalMemory for Fake {
    fn bytes(&self, address: u64, len: u64) -> Option<&[u8]> {
        let (start, piece) = self.0.range(..=address).next_back()?;
        let from = usize::try_from(address - start).ok()?;
        piece.get(from..from.checked_add(usize::try_from(len).ok()?)?)
    }
}

impl Fake {
    /// A pointer of this revision, a root table with one entry, and a MADT.
    fn machine(revision: u8) -> Self {
        let (name, entry) =
            if revision == 0 { (b"RSDT", &MADT.to_le_bytes()[..4]) } else { (b"XSDT", &MADT.to_le_bytes()[..]) };
        let mut machine = Self::default();
        machine.put(ROOT, summed(table(name, 1, &[], &[entry]), 9));
        machine.put(MADT, summed(table(b"APIC", 5, &[0; 8], &[]), 9));
        let mut pointer = b"RSD PTR \0SPRIG ".to_vec();
        pointer.push(revision);
        pointer.extend((ROOT as u32).to_le_bytes());
        pointer.extend(36u32.to_le_bytes());
        pointer.extend(ROOT.to_le_bytes());
        pointer.extend([0; 4]);
        pointer[8] = sum(&pointer[..20]).wrapping_neg();
        machine.put(POINTER, pointer);
        machine
    }

    fn put(&mut self, address: u64, bytes: Vec<u8>) {
        self.0.insert(address, bytes);
    }

    /// With another length in a table's header.
    fn with_length(mut self, address: u64, stated: u32) -> Self {
        let bytes = self.0.get_mut(&address).unwrap();
        bytes[4..8].copy_from_slice(&stated.to_le_bytes());
        *bytes = summed(bytes.clone(), 9);
        self
    }
}

/// With that byte such that the sum of all is 0.
fn summed(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes[at] = 0;
    bytes[at] = sum(&bytes).wrapping_neg();
    bytes
}

#[test]
fn a_sound_way_is_passed() {
    for revision in [0, 2] {
        let machine = Fake::machine(revision);
        assert_eq!(check(&machine, POINTER), Ok(()));
        assert_eq!(find_pointer(&machine), Some(POINTER));
    }
}

#[test]
fn a_root_table_shorter_than_a_header_is_named() {
    let short = Fake::machine(2).with_length(ROOT, 35);
    assert_eq!(check(&short, POINTER), Err(FirmwareError::Damaged { name: "XSDT", len: 36, stated: 35 }));
    let short = Fake::machine(0).with_length(ROOT, 0);
    assert_eq!(check(&short, POINTER), Err(FirmwareError::Damaged { name: "RSDT", len: 36, stated: 0 }));
}

#[test]
fn a_table_that_is_too_short_or_too_long_is_named() {
    let short = Fake::machine(2).with_length(MADT, 8);
    assert_eq!(check(&short, POINTER), Err(FirmwareError::Damaged { name: "APIC", len: 36, stated: 8 }));
    let long = Fake::machine(2).with_length(MADT, 0x1000);
    assert_eq!(check(&long, POINTER), Err(FirmwareError::OutOfReach { name: "APIC", address: MADT }));
    let endless = Fake::machine(2).with_length(MADT, u32::MAX);
    assert!(matches!(check(&endless, POINTER), Err(FirmwareError::Damaged { name: "APIC", .. })));
}

#[test]
fn an_address_that_leads_nowhere_is_named_by_the_root_table() {
    let mut machine = Fake::machine(2);
    machine.put(ROOT, summed(table(b"XSDT", 1, &[], &[&[0; 8], &[0xff; 8]]), 9));
    assert_eq!(check(&machine, POINTER), Err(FirmwareError::OutOfReach { name: "XSDT", address: u64::MAX }));
    machine.0.remove(&ROOT);
    assert_eq!(check(&machine, POINTER), Err(FirmwareError::OutOfReach { name: "XSDT", address: ROOT }));
}

#[test]
fn a_pointer_of_another_length_is_named() {
    let mut machine = Fake::machine(2);
    machine.0.get_mut(&POINTER).unwrap()[pointer::LENGTH..][..4].copy_from_slice(&u32::MAX.to_le_bytes());
    let damaged = FirmwareError::Damaged { name: "RSDP", len: 36, stated: 0xffff_ffff };
    assert_eq!(check(&machine, POINTER), Err(damaged));
}

#[test]
fn where_no_pointer_is_nothing_is_walked() {
    assert_eq!(find_pointer(&Fake::default()), None);
    assert_eq!(check(&Fake::default(), 5), Ok(()));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(root in prop::collection::vec(any::<u8>(), 0..64), table in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut machine = Fake::machine(2);
        machine.put(ROOT, root);
        machine.put(MADT, table);
        let _ = check(&machine, POINTER);
    }
}
