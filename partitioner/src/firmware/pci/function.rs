//! One function, read from its registers.

use alloc::vec::Vec;

use super::config_space::ConfigSpace;
use super::register::{
    BARS, BUSES, CAPABILITIES, CLASS, COMMAND, Command, HAS_CAPABILITIES, HEADER, ID, IO_WINDOW, MEMORY_WINDOW,
    PREFETCHABLE_BASE_UPPER, PREFETCHABLE_LIMIT_UPPER, PREFETCHABLE_WINDOW,
};
use crate::address::{MIB, MemoryRange};
use crate::pci::{Bar, BarKind, Bridge, BusRange, Interrupts, IoRange, PciAddress, PciClass, PciFunction, Windows};

const CAPABILITY_MSI: u8 = 0x05;
const CAPABILITY_EXPRESS: u8 = 0x10;
const CAPABILITY_MSI_X: u8 = 0x11;
/// More fit into no configuration space: a list that is longer goes round in circles.
const CAPABILITIES_MAX: usize = 48;
/// Device/port types of the express capability behind which there is one device: root port and downstream port.
const LONE_BEHIND: [u32; 2] = [4, 6];
const CLASS_HOST_BRIDGE: u32 = 0x06_00;

pub(super) fn exists(space: &mut impl ConfigSpace, address: PciAddress) -> bool {
    !matches!(space.read(address, ID) & 0xffff, 0 | 0xffff)
}

pub(super) fn read(space: &mut impl ConfigSpace, address: PciAddress) -> Option<PciFunction> {
    if !exists(space, address) {
        return None;
    }
    let id = space.read(address, ID);
    let class = PciClass(space.read(address, CLASS) >> 8);
    let layout = Layout::of(space, address);
    let capabilities = capabilities(space, address);
    let capability = |wanted| capabilities.iter().find(|(_, id)| *id == wanted).map(|(at, _)| *at);
    Some(PciFunction {
        address,
        vendor_id: id as u16,
        device_id: (id >> 16) as u16,
        class,
        bars: bars(space, address, class, layout.bars()),
        interrupts: Interrupts { msi: capability(CAPABILITY_MSI), msi_x: capability(CAPABILITY_MSI_X) },
        bridge: (layout == Layout::Bridge).then(|| bridge(space, address)),
    })
}

/// What the registers behind the common ones mean: the header type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Endpoint,
    Bridge,
    Other,
}

impl Layout {
    fn of(space: &mut impl ConfigSpace, address: PciAddress) -> Self {
        match space.read(address, HEADER) >> 16 & 0x7f {
            0 => Self::Endpoint,
            1 => Self::Bridge,
            _ => Self::Other,
        }
    }

    /// How many base address registers it has.
    fn bars(self) -> u8 {
        match self {
            Self::Endpoint => 6,
            Self::Bridge => 2,
            Self::Other => 0,
        }
    }
}

pub(super) fn is_bridge(space: &mut impl ConfigSpace, address: PciAddress) -> bool {
    Layout::of(space, address) == Layout::Bridge
}

/// Whether a bridge is a port of PCI Express, with one device at the other end of its link.
pub(super) fn is_port(space: &mut impl ConfigSpace, address: PciAddress) -> bool {
    let express = capabilities(space, address).into_iter().find(|(_, id)| *id == CAPABILITY_EXPRESS);
    express.is_some_and(|(at, _)| LONE_BEHIND.contains(&(space.read(address, at) >> 20 & 0xf)))
}

/// Where the capabilities lie, and which they are.
fn capabilities(space: &mut impl ConfigSpace, address: PciAddress) -> Vec<(u16, u8)> {
    let listed = space.read(address, COMMAND) & HAS_CAPABILITIES != 0;
    let mut at = if listed { space.read(address, CAPABILITIES) as u8 & 0xfc } else { 0 };
    let mut found = Vec::new();
    while at != 0 && found.len() < CAPABILITIES_MAX {
        let header = space.read(address, at.into());
        found.push((u16::from(at), header as u8));
        at = (header >> 8) as u8 & 0xfc;
    }
    found
}

/// The registers that decode anything. To find out how much, each is written over for a moment, and the function
/// answers at no address meanwhile. Host bridges stay as they are: memory itself may lie behind them.
fn bars(space: &mut impl ConfigSpace, address: PciAddress, class: PciClass, count: u8) -> Vec<Bar> {
    if class.0 >> 8 == CLASS_HOST_BRIDGE {
        return Vec::new();
    }
    // The status bits in the high half are cleared by writing ones, so zeros leave them.
    let command = space.read(address, COMMAND) & 0xffff;
    space.write(address, COMMAND, command & !u32::from(Command::IO.with(Command::MEMORY).0));
    let mut bars = Vec::new();
    let mut index = 0;
    while index < count {
        let bar = bar(space, address, index);
        let wide = bar.is_some_and(|bar| matches!(bar.kind, BarKind::Memory64 | BarKind::Prefetchable64));
        bars.extend(bar);
        index += if wide { 2 } else { 1 };
    }
    space.write(address, COMMAND, command);
    bars
}

/// The register of a base address.
pub(super) fn bar_register(index: u8) -> u16 {
    BARS + 4 * u16::from(index)
}

fn bar(space: &mut impl ConfigSpace, address: PciAddress, index: u8) -> Option<Bar> {
    let register = bar_register(index);
    let low = space.read(address, register);
    let kind = kind(low);
    let settable = u64::from(probe(space, address, register) & !fixed_bits(kind));
    let (high, settable) = match kind {
        BarKind::Memory64 | BarKind::Prefetchable64 => {
            let high = space.read(address, register + 4);
            (high, u64::from(probe(space, address, register + 4)) << 32 | settable)
        }
        // Nothing that can be set is nothing that is decoded; else the bits above count as if they could be set.
        BarKind::Memory32 | BarKind::Prefetchable32 => (0, u64::MAX << 32 | Some(settable).filter(|bits| *bits != 0)?),
        BarKind::Io => (0, u64::MAX << 16 | Some(settable & 0xffff).filter(|bits| *bits != 0)?),
    };
    let len = Some(settable.wrapping_neg()).filter(|len| len.is_power_of_two())?;
    Some(Bar { index, kind, address: u64::from(high) << 32 | u64::from(low & !fixed_bits(kind)), len })
}

/// Bits of a base address register that say its kind.
pub(super) fn fixed_bits(kind: BarKind) -> u32 {
    if kind == BarKind::Io { 0x3 } else { 0xf }
}

fn kind(low: u32) -> BarKind {
    match (low & 1, low >> 1 & 3, low >> 3 & 1) {
        (1, _, _) => BarKind::Io,
        (_, 2, 0) => BarKind::Memory64,
        (_, 2, _) => BarKind::Prefetchable64,
        (_, _, 0) => BarKind::Memory32,
        _ => BarKind::Prefetchable32,
    }
}

/// Which bits of a register can be set.
fn probe(space: &mut impl ConfigSpace, address: PciAddress, register: u16) -> u32 {
    let value = space.read(address, register);
    space.write(address, register, u32::MAX);
    let mask = space.read(address, register);
    space.write(address, register, value);
    mask
}

fn bridge(space: &mut impl ConfigSpace, address: PciAddress) -> Bridge {
    let [_, first, last, _] = space.read(address, BUSES).to_le_bytes();
    let buses = (first > address.bus() && first <= last).then_some(BusRange { first, last });
    let [io_base, io_limit, _, _] = space.read(address, IO_WINDOW).to_le_bytes();
    let memory = space.read(address, MEMORY_WINDOW);
    let prefetchable = space.read(address, PREFETCHABLE_WINDOW);
    let upper = match prefetchable & 0xf {
        1 => (space.read(address, PREFETCHABLE_BASE_UPPER), space.read(address, PREFETCHABLE_LIMIT_UPPER)),
        _ => (0, 0),
    };
    Bridge {
        buses,
        windows: Windows {
            io: io_window(io_base, io_limit),
            memory: window(memory, (0, 0)),
            prefetchable: window(prefetchable, upper),
        },
    }
}

/// Base and limit count in 4 KiB. A window whose base lies above its limit is closed; so is one at 0, where nothing of
/// PCI ever lies, and which is how bridges come out of a reset.
fn io_window(base: u8, limit: u8) -> Option<IoRange> {
    let (first, last) = (u16::from(base & 0xf0) << 8, u16::from(limit & 0xf0) << 8 | 0xfff);
    (first != 0 && first < last).then_some(IoRange { first, last })
}

/// The same in 1 MiB.
fn window(halves: u32, upper: (u32, u32)) -> Option<MemoryRange> {
    let base = u64::from(upper.0) << 32 | u64::from(halves & 0xfff0) << 16;
    let limit = u64::from(upper.1) << 32 | u64::from(halves & 0xfff0_0000);
    MemoryRange::new(base, limit.checked_add(MIB)?).filter(|window| window.start() != 0)
}
