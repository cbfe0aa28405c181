//! Machines made up of a few functions: what is read of them, and what is put right.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::place::{Addresses, place};
use super::*;
use crate::address::{GIB_4, MIB, MemoryRange};
use crate::inventory::EcamSegment;
use crate::inventory::{MemoryKind, MemoryRegion};
use crate::pci::{BarKind, BusRange, Functions, IoRange, Obstacle};
use crate::pci::{PciAddress, PciFunction};

const ECAM: EcamSegment = EcamSegment { segment: 0, base: 0xb000_0000, first_bus: 0, last_bus: 31 };

fn at(bus: u8, device: u8) -> PciAddress {
    PciAddress::new(0, bus, device, 0).unwrap()
}

/// A base address register: the bits that say its kind, and how much it decodes.
type Register = (u32, u64);

const MEMORY_32: u32 = 0x0;
const MEMORY_64: u32 = 0x4;
const PREFETCHABLE_64: u32 = 0xc;
const IO: u32 = 0x1;

/// A function with MSI-X and these registers, at no address yet.
fn endpoint(class: u32, bars: &[Register]) -> RecordedFunction {
    let mut bytes = [0; 256];
    bytes[..4].copy_from_slice(&[0xf4, 0x1a, 0x41, 0x10]);
    bytes[6] = 0x10;
    bytes[8..12].copy_from_slice(&(class << 8).to_le_bytes());
    bytes[0x34] = 0x40;
    bytes[0x40..0x42].copy_from_slice(&[0x09, 0x60]);
    bytes[0x60..0x62].copy_from_slice(&[0x11, 0x00]);
    let mut lens = [0; 6];
    let mut index = 0;
    for (kind, len) in bars {
        bytes[0x10 + 4 * index] = *kind as u8;
        lens[index] = *len;
        index += if kind & 0x6 == 0x4 { 2 } else { 1 };
    }
    RecordedFunction::new(&bytes, lens).unwrap()
}

/// A port with nothing set; `kind` is that of its express capability.
fn port(kind: u8) -> RecordedFunction {
    let mut bytes = [0; 256];
    bytes[..4].copy_from_slice(&[0x36, 0x1b, 0x0c, 0x00]);
    bytes[6] = 0x10;
    bytes[8..12].copy_from_slice(&(0x06_04_00_u32 << 8).to_le_bytes());
    bytes[0x0e] = 1;
    bytes[0x34] = 0x54;
    bytes[0x54..0x58].copy_from_slice(&[0x10, 0, kind << 4 | 2, 0]);
    // The prefetchable window is one of 64 bits, which the hardware says.
    bytes[0x24] = 1;
    bytes[0x26] = 1;
    RecordedFunction::new(&bytes, [0; 6]).unwrap()
}

const ROOT_PORT: u8 = 4;
const UPSTREAM: u8 = 5;
const DOWNSTREAM: u8 = 6;

/// Functions as they are wired: which are behind which, whatever numbers their buses have or have not.
#[derive(Clone, Default)]
struct Machine(Vec<Wired>);

#[derive(Clone)]
struct Wired {
    /// The place of the bridge before it; without one it is on bus 0.
    behind: Option<usize>,
    device: u8,
    function: RecordedFunction,
}

impl Machine {
    /// Adds a function behind a bridge, and says its place.
    fn add(&mut self, behind: Option<usize>, device: u8, function: RecordedFunction) -> usize {
        self.0.push(Wired { behind, device, function });
        self.0.len() - 1
    }

    /// Adds a root port whose buses are numbered.
    fn add_numbered(&mut self, device: u8, first: u8, last: u8) -> usize {
        let mut function = port(ROOT_PORT);
        function.write(0x18, u32::from(last) << 16 | u32::from(first) << 8);
        self.add(None, device, function)
    }

    /// The bus behind a bridge, if it has a number and all before it lead there.
    fn bus_behind(&self, bridge: Option<usize>) -> Option<u8> {
        let Some(bridge) = bridge.map(|place| &self.0[place]) else { return Some(0) };
        let [_, first, last, _] = bridge.function.read(0x18).to_le_bytes();
        let before = self.bus_behind(bridge.behind)?;
        (first > before && first <= last && self.leads(bridge.behind, first)).then_some(first)
    }

    fn leads(&self, bridge: Option<usize>, bus: u8) -> bool {
        let Some(bridge) = bridge.map(|place| &self.0[place]) else { return true };
        let [_, first, last, _] = bridge.function.read(0x18).to_le_bytes();
        (first..=last).contains(&bus) && self.leads(bridge.behind, bus)
    }

    fn find(&mut self, address: PciAddress) -> Option<&mut RecordedFunction> {
        let here =
            |wired: &Wired| wired.device == address.device() && self.bus_behind(wired.behind) == Some(address.bus());
        let place = self.0.iter().position(here).filter(|_| address.function() == 0)?;
        Some(&mut self.0[place].function)
    }
}

impl ConfigSpace for Machine {
    fn read(&mut self, function: PciAddress, register: u16) -> u32 {
        self.find(function).map_or(u32::MAX, |function| function.read(register))
    }

    fn write(&mut self, function: PciAddress, register: u16, value: u32) {
        if let Some(function) = self.find(function) {
            function.write(register, value);
        }
    }
}

fn read(space: &mut impl ConfigSpace) -> Vec<PciFunction> {
    functions(space, &[ECAM])
}

fn memory() -> Vec<MemoryRegion> {
    let region = |start, end, kind| MemoryRegion { range: MemoryRange::new(start, end).unwrap(), kind };
    vec![
        region(0, 0x8000_0000, MemoryKind::Usable),
        region(0xb000_0000, 0xc000_0000, MemoryKind::Reserved),
        region(0xfed1_c000, 0xfed2_0000, MemoryKind::Reserved),
        region(GIB_4, GIB_4 + 0x8000_0000, MemoryKind::Usable),
    ]
}

fn addresses(memory: &[MemoryRegion]) -> Addresses<'_> {
    Addresses { memory, ecam: core::slice::from_ref(&ECAM), bits: 40 }
}

#[test]
fn a_function_is_read_and_left_as_it_was() {
    let bars = [(MEMORY_32, 0x1000), (IO, 0x20), (PREFETCHABLE_64, 16 << 30), (MEMORY_64, 0x4000)];
    let mut space = Machine::default();
    space.add(None, 3, endpoint(0x02_00_00, &bars));
    space.write(at(0, 3), 0x10, 0xfe24_0000);
    space.write(at(0, 3), 0x14, 0xc041);
    space.write(at(0, 3), 0x18, 0xc);
    space.write(at(0, 3), 0x1c, 0x38);
    let before = space.0[0].function.clone();
    let [function] = &read(&mut space)[..] else { panic!("one function") };
    assert_eq!(function.to_string(), "0000:00:03.0 (network, 1af4:1041)");
    let reported: Vec<_> = function.bars.iter().map(|bar| (bar.index, bar.kind, bar.address, bar.len)).collect();
    let expected = [
        (0, BarKind::Memory32, 0xfe24_0000, 0x1000),
        (1, BarKind::Io, 0xc040, 0x20),
        (2, BarKind::Prefetchable64, 0x38 << 32, 16 << 30),
        (4, BarKind::Memory64, 0, 0x4000),
    ];
    assert_eq!(reported, expected);
    assert_eq!((function.interrupts.msi, function.interrupts.msi_x), (None, Some(0x60)));
    assert_eq!(space.0[0].function, before);
}

#[test]
fn a_bridge_says_what_lies_behind_it_and_what_it_hands_on() {
    let mut space = Machine::default();
    space.add_numbered(2, 1, 3);
    space.write(at(0, 2), 0x1c, 0x2110);
    space.write(at(0, 2), 0x20, 0xfe30_fe20);
    space.write(at(0, 2), 0x24, 0x0011_fff1);
    space.write(at(0, 2), 0x28, 0x8);
    space.write(at(0, 2), 0x2c, 0x9);
    let bridge = read(&mut space)[0].bridge.unwrap();
    assert_eq!(bridge.buses, Some(BusRange { first: 1, last: 3 }));
    assert_eq!(bridge.windows.io, Some(IoRange { first: 0x1000, last: 0x2fff }));
    assert_eq!(bridge.windows.memory, MemoryRange::new(0xfe20_0000, 0xfe40_0000));
    assert_eq!(bridge.windows.prefetchable, MemoryRange::new(0x8_fff0_0000, 0x9_0020_0000));
}

#[test]
fn behind_a_port_there_is_one_device() {
    let mut space = Machine::default();
    let port = space.add_numbered(2, 1, 1);
    for echo in 0..3 {
        space.add(Some(port), echo, endpoint(0x01_08_02, &[]));
    }
    let found: Vec<_> = read(&mut space).iter().map(|function| function.address).collect();
    assert_eq!(found, [at(0, 2), at(1, 0)]);
}

#[test]
fn capabilities_that_go_round_in_circles_end() {
    let mut space = Machine::default();
    space.add(None, 3, endpoint(0x02_00_00, &[]));
    space.write(at(0, 3), 0x60, 0x4009);
    assert_eq!(read(&mut space)[0].interrupts.msi_x, None);
}

/// Two root ports, an NVMe disk behind the one and a switch with two cards behind the other; nothing is numbered or
/// placed.
fn bare() -> Machine {
    let mut machine = Machine::default();
    let first = machine.add(None, 2, port(ROOT_PORT));
    let second = machine.add(None, 3, port(ROOT_PORT));
    machine.add(Some(first), 0, endpoint(0x01_08_02, &[(MEMORY_64, 0x4000)]));
    let upstream = machine.add(Some(second), 0, port(UPSTREAM));
    let [left, right] = [0, 1].map(|device| machine.add(Some(upstream), device, port(DOWNSTREAM)));
    let card = [(MEMORY_32, 0x2_0000), (IO, 0x20), (PREFETCHABLE_64, 8 << 20)];
    machine.add(Some(left), 0, endpoint(0x02_00_00, &card));
    machine.add(Some(right), 0, endpoint(0x03_00_00, &[(PREFETCHABLE_64, 8 << 30), (MEMORY_32, 0x100_0000)]));
    machine
}

fn set_up(space: &mut impl ConfigSpace, memory: &[MemoryRegion]) -> Vec<String> {
    let numbered = number_buses(space, &[ECAM]);
    let found = functions(space, &[ECAM]);
    let placed = place(space, &found, addresses(memory));
    let numbered = numbered.iter().map(|numbered| alloc::format!("{} {}", numbered.bridge, numbered.buses));
    let placed = placed.iter().map(|placed| match placed.windows {
        Some(windows) => alloc::format!("{} {windows}", placed.bridge),
        None => alloc::format!("{} nowhere", placed.bridge),
    });
    numbered.chain(placed).collect()
}

#[test]
fn what_the_firmware_left_undone_is_put_right() {
    let mut space = bare();
    let reported = set_up(&mut space, &memory());
    insta::assert_debug_snapshot!(reported);
    let found = read(&mut space);
    let obstacles: Vec<_> = found.iter().filter_map(|function| Functions(&found).obstacle(function)).collect();
    assert_eq!(obstacles, [Obstacle::Bridge; 5]);
    assert!(set_up(&mut space, &memory()).is_empty(), "the second time there is nothing to do");
}

#[test]
fn a_bridge_that_nobody_has_set_leads_nothing_away() {
    let mut space = Machine::default();
    space.add_numbered(2, 1, 1);
    set_up(&mut space, &memory());
    let window = |register| space.0[0].function.read(register) & 0xffff;
    assert!(window(0x1c) & 0xf0 > window(0x1c) >> 8 & 0xf0, "ports");
    let closed = |register| {
        let halves = space.0[0].function.read(register);
        halves & 0xfff0 > halves >> 16 & 0xfff0
    };
    assert!(closed(0x20) && closed(0x24), "memory");
}

#[test]
fn what_has_no_room_is_left_and_told() {
    let mut space = Machine::default();
    let port = space.add(None, 2, port(ROOT_PORT));
    space.add(Some(port), 0, endpoint(0x02_00_00, &[(MEMORY_32, 0x8000_0000)]));
    let reported = set_up(&mut space, &memory());
    assert_eq!(reported, ["0000:00:02.0 01", "0000:00:02.0 nowhere"]);
    let found = read(&mut space);
    assert_eq!(Functions(&found).obstacle(&found[1]), Some(Obstacle::OutOfReach));
}

#[test]
fn numbers_go_on_above_those_in_use() {
    let mut space = Machine::default();
    space.add_numbered(2, 1, 6);
    space.add(None, 3, port(ROOT_PORT));
    space.add(None, 4, port(ROOT_PORT));
    let numbered = number_buses(&mut space, &[ECAM]);
    let reported: Vec<_> =
        numbered.iter().map(|numbered| (numbered.bridge, numbered.buses.first, numbered.buses.last)).collect();
    assert_eq!(reported, [(at(0, 3), 7, 7), (at(0, 4), 8, 8)]);
}

#[test]
fn numbers_end_with_the_configuration_space() {
    let ecam = EcamSegment { last_bus: 2, ..ECAM };
    let mut space = bare();
    let numbered = number_buses(&mut space, &[ecam]);
    assert!(numbered.iter().all(|numbered| numbered.buses.last <= 2), "{numbered:?}");
}

/// What functions of one bus may decode.
fn some_bars() -> impl Strategy<Value = Vec<Register>> {
    let kind = prop::sample::select(vec![MEMORY_32, MEMORY_64, PREFETCHABLE_64]);
    prop::collection::vec((kind, 12u32..29).prop_map(|(kind, bits)| (kind, 1 << bits)), 0..3)
}

proptest! {
    #[test]
    fn what_is_placed_is_aligned_disjoint_and_nobody_elses(cards in prop::collection::vec(some_bars(), 1..6)) {
        let mut space = Machine::default();
        for (number, bars) in (0u8..).zip(&cards) {
            let port = space.add(None, number + 1, port(ROOT_PORT));
            space.add(Some(port), 0, endpoint(0x02_00_00, bars));
        }
        let memory = memory();
        let reported = set_up(&mut space, &memory);
        prop_assume!(!reported.iter().any(|line| line.ends_with("nowhere")));
        let found = read(&mut space);
        let mut ranges: Vec<_> = memory.iter().map(|region| region.range).collect();
        for bar in found.iter().flat_map(|function| &function.bars) {
            prop_assert!(bar.address != 0 && bar.address % bar.len == 0, "{:?}", bar);
            let range = MemoryRange::with_len(bar.address, bar.len).unwrap();
            prop_assert!(ranges.iter().all(|other| !other.overlaps(range)), "{:?} lies in others", bar);
            ranges.push(range);
        }
        for function in found.iter().filter(|function| function.bridge.is_none()) {
            prop_assert_eq!(Functions(&found).obstacle(function), None);
            let upstream: Vec<_> = Functions(&found).upstream_bridges(function).collect();
            prop_assert_eq!(upstream.len(), 1);
        }
        for window in found.iter().filter_map(|function| function.bridge).flat_map(|bridge| bridge.windows.memory()) {
            prop_assert!(window.start() % MIB == 0 && window.end() % MIB == 0);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(
        functions in prop::collection::vec((0u8..4, 0u8..4, prop::collection::vec(any::<u8>(), 64..256)), 0..8),
        lens in any::<[u64; 6]>(),
    ) {
        let mut space = Recorded::default();
        for (bus, device, mut bytes) in functions {
            bytes[0x0e] &= 0x81;
            space.insert(at(bus, device), RecordedFunction::new(&bytes, lens).unwrap());
        }
        let memory = memory();
        set_up(&mut space, &memory);
        let found = read(&mut space);
        for function in &found {
            let _ = Functions(&found).obstacle(function);
        }
    }
}
