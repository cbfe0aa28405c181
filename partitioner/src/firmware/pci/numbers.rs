//! Numbers for buses that the firmware has left without.

use alloc::vec::Vec;

use super::config_space::ConfigSpace;
use super::function;
use super::register::BUSES;
use super::scan::{functions, present};
use crate::inventory::EcamSegment;
use crate::pci::{BusRange, PciAddress, PciFunction};

/// A bridge whose buses have been numbered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Numbered {
    /// Which.
    pub bridge: PciAddress,
    /// The numbers.
    pub buses: BusRange,
}

/// Numbers the buses behind every bridge that no other bridge leads to and that has none, from above all numbers in
/// use. Bridges further behind are left as they are where the firmware has numbered those before them: what it left out
/// there, it has had no numbers for.
pub fn number_buses(space: &mut impl ConfigSpace, segments: &[EcamSegment]) -> Vec<Numbered> {
    let mut numbered = Vec::new();
    for segment in segments {
        let functions = functions(space, core::slice::from_ref(segment));
        let buses = || functions.iter().filter_map(|function| function.bridge?.buses);
        let bare = |function: &&PciFunction| function.bridge.is_some_and(|bridge| bridge.buses.is_none());
        let led_to = |function: &PciFunction| buses().any(|buses| buses.contains(function.address.bus()));
        let used = functions.iter().map(|function| function.address.bus()).chain(buses().map(|buses| buses.last)).max();
        let mut used = used.unwrap_or(0);
        for function in functions.iter().filter(bare).filter(|function| !led_to(function)) {
            used = number(space, function.address, used, segment.last_bus, &mut numbered).unwrap_or(used);
        }
    }
    numbered
}

/// Numbers what lies behind `bridge` from above `used`, and returns the last number taken; `None` if there are no more.
fn number(
    space: &mut impl ConfigSpace,
    bridge: PciAddress,
    used: u8,
    limit: u8,
    numbered: &mut Vec<Numbered>,
) -> Option<u8> {
    let first = used.checked_add(1).filter(|first| *first <= limit)?;
    // Until it is known where they end, all numbers from here lead through this bridge.
    write(space, bridge, BusRange { first, last: limit });
    let mut last = first;
    for device in PciAddress::on_bus(bridge.segment(), first) {
        for child in present(space, device) {
            if function::is_bridge(space, child) {
                last = number(space, child, last, limit, numbered).unwrap_or(last);
            }
        }
    }
    let buses = BusRange { first, last };
    write(space, bridge, buses);
    numbered.push(Numbered { bridge, buses });
    Some(last)
}

pub(super) fn write(space: &mut impl ConfigSpace, bridge: PciAddress, buses: BusRange) {
    let latency = space.read(bridge, BUSES) & 0xff00_0000;
    let [first, last] = [buses.first, buses.last].map(u32::from);
    space.write(bridge, BUSES, latency | last << 16 | first << 8 | u32::from(bridge.bus()));
}
