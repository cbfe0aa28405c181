//! Every function of the machine, found by looking at every bus.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::config_space::ConfigSpace;
use super::function;
use super::register::{HEADER, MULTI_FUNCTION};
use crate::inventory::EcamSegment;
use crate::pci::{PciAddress, PciFunction};

/// Every function on every bus of `segments`, in the order of their addresses.
///
/// All buses are looked at, not only those that a bridge leads to: machines have several buses that no bridge leads to,
/// and say which only in AML.
pub fn functions(space: &mut impl ConfigSpace, segments: &[EcamSegment]) -> Vec<PciFunction> {
    let mut found = BTreeMap::new();
    for segment in segments {
        let mut lone = Vec::new();
        for bus in segment.first_bus..=segment.last_bus {
            // Behind a port there is one device; some answer as if they were all 32.
            let devices = if lone.contains(&bus) { 1 } else { usize::MAX };
            for first in PciAddress::on_bus(segment.segment, bus).take(devices) {
                for address in present(space, first) {
                    let Some(function) = function::read(space, address) else { continue };
                    lone.extend(
                        function
                            .bridge
                            .and_then(|bridge| bridge.buses)
                            .filter(|_| function::is_port(space, address))
                            .map(|buses| buses.first),
                    );
                    found.insert(address, function);
                }
            }
        }
    }
    found.into_values().collect()
}

/// The functions of a device of which `first` is the first.
pub(super) fn present(space: &mut impl ConfigSpace, first: PciAddress) -> Vec<PciAddress> {
    if !function::exists(space, first) {
        return Vec::new();
    }
    let others = space.read(first, HEADER) & MULTI_FUNCTION != 0;
    let others = first.siblings().filter(|_| others);
    let others: Vec<_> = others.filter(|address| function::exists(space, *address)).collect();
    [first].into_iter().chain(others).collect()
}
