//! Gives addresses to functions behind bridges that the firmware has left without.
//!
//! Most firmware gives every function its addresses and every bridge the windows that lead to them. Where a bridge next
//! to the processors has anything behind it that cannot be reached, all behind it is placed anew, in free memory
//! addresses: below 4 GiB, and, for what may lie above, there if there is no room. I/O ports are not given: every
//! device that can interrupt by message works without.
//!
//! ```text
//! bridge      │ window, in MiB                                   │
//! behind it   │ BAR, BAR, …, the largest first │ window of a bridge │
//! ```

use alloc::vec::Vec;

use super::config_space::ConfigSpace;
use super::function::bar_register;
use super::register::{
    IO_WINDOW, MEMORY_WINDOW, PREFETCHABLE_BASE_UPPER, PREFETCHABLE_LIMIT_UPPER, PREFETCHABLE_WINDOW,
};
use crate::address::{GIB_4, MIB, MemoryRange, RangeSet};
use crate::inventory::{EcamSegment, MemoryKind, MemoryRegion};
use crate::pci::{Bar, BarKind, Bridge, Functions, PciAddress, PciFunction, Windows};

/// Where processors have their interrupt controllers and the firmware its code, on every PC.
const FIRMWARE_HOLE: u64 = 0xfec0_0000;

/// A base that lies above a limit of 0.
const CLOSED_BASE: u64 = 0xfff0_0000;
/// The same of an I/O window: base in the first byte, limit in the second.
const CLOSED_IO: u32 = 0xf0;

/// What is known of the machine's addresses.
#[derive(Clone, Copy, Debug)]
pub struct Addresses<'a> {
    /// The firmware's memory map.
    pub memory: &'a [MemoryRegion],
    /// Configuration space.
    pub ecam: &'a [EcamSegment],
    /// Bits that a processor can address.
    pub bits: u8,
}

/// A bridge behind which everything has been placed anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placed {
    /// The bridge.
    pub bridge: PciAddress,
    /// Its windows now; `None` if there was no room.
    pub windows: Option<Windows>,
}

/// Places what cannot be reached, and closes windows that are not set. `functions` are all functions of the machine, as
/// they are now.
pub fn place(space: &mut impl ConfigSpace, functions: &[PciFunction], addresses: Addresses<'_>) -> Vec<Placed> {
    for bridge in functions {
        if let Some(Bridge { windows, .. }) = bridge.bridge {
            close_unused(space, bridge.address, windows);
        }
    }
    let mut free = free(functions, addresses);
    let unreachable = functions.iter().filter(|bridge| {
        Functions(functions).upstream_bridges(bridge).next().is_none() && !reaches_all(bridge, functions)
    });
    let mut placed = Vec::new();
    for bridge in unreachable {
        let windows = place_behind(space, bridge, functions, &mut free);
        placed.push(Placed { bridge: bridge.address, windows });
    }
    placed
}

/// Whether each memory address of what lies behind a bridge is chosen, and every bridge on its way forwards it.
fn reaches_all(bridge: &PciFunction, functions: &[PciFunction]) -> bool {
    let behind = functions.iter().filter(|function| {
        function.address.segment() == bridge.address.segment() && bridge.leads_to_bus(function.address.bus())
    });
    behind.into_iter().all(|function| Functions(functions).is_in_reach(function))
}

/// Free addresses.
struct Free {
    low: RangeSet,
    high: RangeSet,
}

fn free(functions: &[PciFunction], addresses: Addresses<'_>) -> Free {
    let memory = addresses.memory.iter().map(|region| region.range);
    let windows = functions.iter().filter_map(|function| function.bridge).flat_map(|bridge| bridge.windows.memory());
    let bars = functions
        .iter()
        .flat_map(|function| function.bars.iter())
        .filter(|bar| bar.kind != BarKind::Io && bar.address != 0);
    let bars = bars.filter_map(|bar| MemoryRange::with_len(bar.address, bar.len));
    let taken = windows.chain(bars).chain(addresses.ecam.iter().filter_map(EcamSegment::range));
    let taken = RangeSet::union(taken.chain(memory));
    // Above the last of the memory: a chipset need not look for devices between two pieces of it.
    let memory_below = addresses.memory.iter().filter(|region| region.kind != MemoryKind::Reserved);
    let end = memory_below.map(|region| region.range.end()).filter(|end| *end <= FIRMWARE_HOLE).max();
    let low = MemoryRange::new(end.unwrap_or(MIB), FIRMWARE_HOLE);
    let reach = 1_u64.checked_shl(addresses.bits.into()).unwrap_or(u64::MAX);
    let high = MemoryRange::new(GIB_4, reach);
    Free { low: RangeSet::union(low).difference(&taken), high: RangeSet::union(high).difference(&taken) }
}

/// Which window a register's addresses must lie in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pool {
    /// Below 4 GiB.
    Memory,
    /// Anywhere.
    Prefetchable,
}

impl Pool {
    fn of(bar: &Bar) -> Option<Self> {
        match bar.kind {
            BarKind::Io => None,
            BarKind::Prefetchable64 => Some(Self::Prefetchable),
            BarKind::Memory32 | BarKind::Memory64 | BarKind::Prefetchable32 => Some(Self::Memory),
        }
    }
}

/// The registers that need addresses.
#[derive(Clone, Copy)]
enum Taker {
    Register(PciAddress, Bar),
    Window(PciAddress),
}

/// What takes addresses on a bus and behind it, each at its distance from the start.
#[derive(Default)]
struct Block {
    len: u64,
    align: u64,
    takers: Vec<(Taker, u64, u64)>,
}

impl Block {
    /// Everything of one pool behind a bridge.
    fn behind(bridge: &PciFunction, functions: &[PciFunction], pool: Pool) -> Self {
        let Some(buses) = bridge.bridge.and_then(|bridge| bridge.buses) else { return Self::default() };
        let mut parts: Vec<Self> = Vec::new();
        let on_bus = |function: &&PciFunction| {
            function.address.bus() == buses.first && function.address.segment() == bridge.address.segment()
        };
        for function in functions.iter().filter(on_bus) {
            let bars = function.bars.iter().filter(|bar| Pool::of(bar) == Some(pool));
            parts.extend(bars.map(|bar| Self::of_register(function.address, *bar)));
            if function.bridge.is_some() {
                parts.push(Self::behind(function, functions, pool).in_window(function.address));
            }
        }
        Self::packed(parts)
    }

    fn of_register(address: PciAddress, bar: Bar) -> Self {
        Self { len: bar.len, align: bar.len, takers: alloc::vec![(Taker::Register(address, bar), 0, bar.len)] }
    }

    /// The same as the content of a bridge's window. There is a content for an empty one too, so that the window is
    /// closed.
    fn in_window(mut self, bridge: PciAddress) -> Self {
        self.len = self.len.next_multiple_of(MIB);
        self.align = self.align.max(MIB);
        self.takers.push((Taker::Window(bridge), 0, self.len));
        self
    }

    /// The parts one behind the other, those first that must start at the roundest addresses: then the gaps are
    /// smallest.
    fn packed(mut parts: Vec<Self>) -> Self {
        parts.sort_by_key(|part| core::cmp::Reverse(part.align));
        let mut whole = Self::default();
        for part in parts {
            let start = if part.len == 0 { whole.len } else { whole.len.next_multiple_of(part.align) };
            whole.takers.extend(part.takers.into_iter().map(|(taker, at, len)| (taker, start + at, len)));
            whole.len = start + part.len;
            whole.align = whole.align.max(part.align);
        }
        whole
    }
}

/// Places everything behind one bridge, or leaves it as it was if there is no room.
fn place_behind(
    space: &mut impl ConfigSpace,
    bridge: &PciFunction,
    functions: &[PciFunction],
    free: &mut Free,
) -> Option<Windows> {
    let [memory, prefetchable] =
        [Pool::Memory, Pool::Prefetchable].map(|pool| Block::behind(bridge, functions, pool).in_window(bridge.address));
    let memory_at = take(&mut free.low, &memory)?;
    let prefetchable_at = take(&mut free.low, &prefetchable).or_else(|| take(&mut free.high, &prefetchable))?;
    for (block, at, pool) in [(&memory, memory_at, Pool::Memory), (&prefetchable, prefetchable_at, Pool::Prefetchable)]
    {
        for (taker, offset, len) in &block.takers {
            match taker {
                Taker::Register(address, bar) => write_register(space, *address, bar, at + offset),
                Taker::Window(address) => write_window(space, *address, pool, MemoryRange::with_len(at + offset, *len)),
            }
        }
    }
    let window = |at, block: &Block| MemoryRange::with_len(at, block.len);
    Some(Windows { io: None, memory: window(memory_at, &memory), prefetchable: window(prefetchable_at, &prefetchable) })
}

/// Where a block goes; nothing goes anywhere.
fn take(free: &mut RangeSet, block: &Block) -> Option<u64> {
    if block.len == 0 {
        return Some(0);
    }
    let range = free.lowest(block.len, block.align)?;
    free.remove(range);
    Some(range.start())
}

pub(super) fn write_register(space: &mut impl ConfigSpace, address: PciAddress, bar: &Bar, at: u64) {
    space.write(address, bar_register(bar.index), at as u32);
    if matches!(bar.kind, BarKind::Memory64 | BarKind::Prefetchable64) {
        space.write(address, bar_register(bar.index) + 4, (at >> 32) as u32);
    }
}

/// Closes what a bridge does not use: as it comes out of a reset its windows lead away what lies at address 0.
fn close_unused(space: &mut impl ConfigSpace, bridge: PciAddress, windows: Windows) {
    if windows.io.is_none() {
        // The status in the upper half is cleared by writing ones, so zeros leave it.
        space.write(bridge, IO_WINDOW, CLOSED_IO);
    }
    if windows.memory.is_none() {
        write_window(space, bridge, Pool::Memory, None);
    }
    if windows.prefetchable.is_none() {
        write_window(space, bridge, Pool::Prefetchable, None);
    }
}

/// Gives a bridge the windows that it has, and closes the others.
pub(super) fn write_windows(space: &mut impl ConfigSpace, bridge: PciAddress, windows: Windows) {
    close_unused(space, bridge, windows);
    for (pool, range) in [(Pool::Memory, windows.memory), (Pool::Prefetchable, windows.prefetchable)] {
        if range.is_some() {
            write_window(space, bridge, pool, range);
        }
    }
    if let Some(io) = windows.io {
        // Steps of 4 KiB: bits 12 to 15 of the base and of the limit, in the upper half of a byte each.
        space.write(bridge, IO_WINDOW, u32::from(io.first >> 8 & 0xf0) | u32::from(io.last & 0xf000));
    }
}

/// Opens a window, or closes it: its base then lies above its limit.
fn write_window(space: &mut impl ConfigSpace, bridge: PciAddress, pool: Pool, range: Option<MemoryRange>) {
    let (base, limit) = range.map_or((CLOSED_BASE, 0), |range| (range.start(), range.end() - MIB));
    let halves = (limit & 0xfff0_0000) as u32 | (base >> 16 & 0xfff0) as u32;
    match pool {
        Pool::Memory => space.write(bridge, MEMORY_WINDOW, halves),
        Pool::Prefetchable => {
            space.write(bridge, PREFETCHABLE_WINDOW, halves);
            space.write(bridge, PREFETCHABLE_BASE_UPPER, (base >> 32) as u32);
            space.write(bridge, PREFETCHABLE_LIMIT_UPPER, (limit >> 32) as u32);
        }
    }
}
