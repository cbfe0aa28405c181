//! Tables of the firmware, its memory map, and the configuration space of PCI functions.
//!
//! The first byte says which. Tables get their length and their signature, so that what lies behind them is read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use partitioner::firmware::ecam::usable_segments;
use partitioner::firmware::iommu::{amd_units, intel_units};
use partitioner::firmware::pci::place::{Addresses, place};
use partitioner::firmware::pci::{Recorded, RecordedFunction, functions, number_buses};
use partitioner::firmware::root::{PhysicalMemory, check, find_pointer};
use partitioner::firmware::tsc::TscLeaf;
use partitioner::firmware::{FirmwareTables, RawRegion, memory_map, topology, tsc_khz};
use partitioner::inventory::{ApicId, EcamSegment};
use partitioner::pci::PciAddress;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 6 {
        0 => tables(bytes),
        1 => map(bytes),
        2 => configuration_space(bytes),
        3 => clock(bytes),
        4 => iommus(bytes),
        _ => way(bytes),
    }
});

/// Three tables, one behind the other, as long as the first bytes say.
fn tables(bytes: &[u8]) {
    let Some((lens, bytes)) = bytes.split_first_chunk::<2>() else { return };
    let (madt, rest) = bytes.split_at(usize::from(lens[0]).min(bytes.len()));
    let (srat, mcfg) = rest.split_at(usize::from(lens[1]).min(rest.len()));
    let [madt, srat, mcfg] = [(madt, b"APIC"), (srat, b"SRAT"), (mcfg, b"MCFG")].map(|(it, name)| whole(it, *name));
    let some = |table| Some(table).filter(|table: &&[u8]| table.len() > 8);
    let all = FirmwareTables { madt: some(&madt), srat: some(&srat), mcfg: some(&mcfg) };
    let Ok(found) = topology(&all, ApicId(0)) else { return };
    assert_eq!(found.cores[0].apic_id, ApicId(0), "the boot processor is the first");
    let memory = memory_map([RawRegion { start: 1 << 20, len: 2 << 30, kind: 1 }]);
    let (used, _) = usable_segments(&found.ecam, &memory, 40);
    let apart = |(index, one): (usize, &EcamSegment)| used[index + 1..].iter().all(|other| !one.meets(other));
    assert!(used.iter().enumerate().all(apart), "no two in one place");
    let _ = functions(&mut Recorded::default(), &used);
}

/// The tables of I/O memory management units: the first byte says which.
fn iommus(bytes: &[u8]) {
    let Some((first, table)) = bytes.split_first() else { return };
    let found = match first % 2 {
        0 => intel_units(&whole(table, *b"DMAR")),
        _ => amd_units(&whole(table, *b"IVRS")),
    };
    assert!(
        found.iter().flatten().all(|unit| unit.base != 0 && unit.base % 4096 == 0),
        "registers in a page of their own"
    );
}

/// Low memory with a root pointer somewhere, and whatever it leads to.
fn way(bytes: &[u8]) {
    struct Low(Vec<u8>);
    impl PhysicalMemory for Low {
        fn bytes(&self, address: u64, len: u64) -> Option<&[u8]> {
            let start = usize::try_from(address).ok()?;
            self.0.get(start..start.checked_add(usize::try_from(len).ok()?)?)
        }
    }
    let memory = Low(bytes.to_vec());
    let _ = find_pointer(&memory);
    for place in (0..bytes.len() as u64).step_by(16) {
        let _ = check(&memory, place);
    }
}

/// With a header that says what it is and how long, unless it says something else already.
fn whole(table: &[u8], name: [u8; 4]) -> Vec<u8> {
    let mut table = table.to_vec();
    let len = table.len() as u32;
    if let Some(head) = table.first_chunk_mut::<8>().filter(|head| head[0] != 0xff) {
        head[..4].copy_from_slice(&name);
        head[4..].copy_from_slice(&len.to_le_bytes());
    }
    table
}

fn map(bytes: &[u8]) {
    let word = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes).unwrap_or_default();
    let entries = bytes.as_chunks::<17>().0.iter().take(64);
    let regions = entries.map(|it| RawRegion { start: word(&it[..8]), len: word(&it[8..16]), kind: it[16].into() });
    let map = memory_map(regions);
    assert!(map.windows(2).all(|pair| pair[0].range.end() <= pair[1].range.start()), "sorted, without overlap");
}

/// Functions of 64 bytes each, one behind the other.
fn configuration_space(bytes: &[u8]) {
    let ecam = [EcamSegment { segment: 0, base: 0xb000_0000, first_bus: 0, last_bus: 255 }];
    let mut space = Recorded::default();
    for function in bytes.as_chunks::<72>().0.iter().take(16) {
        let (place, registers) = function.split_at(8);
        let Some(address) = PciAddress::new(0, place[0] % 8, place[1] % 32, place[2] % 8) else { continue };
        let bar_lens = [3, 4, 5, 6, 7, 3].map(|at| 1_u64.checked_shl(place[at].into()).unwrap_or_default());
        let mut all = registers.to_vec();
        all.resize(256, place[7]);
        if let Some(recorded) = RecordedFunction::new(&all, bar_lens) {
            space.insert(address, recorded);
        }
    }
    let _ = number_buses(&mut space, &ecam);
    let found = functions(&mut space, &ecam);
    let region = RawRegion { start: 1 << 20, len: 2 << 30, kind: 1 };
    let memory = memory_map([region]);
    let _ = place(&mut space, &found, Addresses { memory: &memory, ecam: &ecam, bits: 40 });
    let _ = functions(&mut space, &ecam);
}

fn clock(bytes: &[u8]) {
    let Some(words) = bytes.first_chunk::<16>() else { return };
    let word = |at: usize| u32::from_le_bytes([words[at], words[at + 1], words[at + 2], words[at + 3]]);
    let leaf = TscLeaf { denominator: word(0), numerator: word(4), crystal_hz: word(8) };
    let _ = tsc_khz(leaf, word(12));
}
