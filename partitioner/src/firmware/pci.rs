//! PCI functions, from configuration space (PCI Local Bus Specification 3.0, chapter 6; PCI-to-PCI Bridge Architecture
//! Specification 1.2, chapter 3).
//!
//! [`functions`] reads what is there; [`number_buses`] and [`place`](mod@place) first put right what the firmware has left
//! undone. All see configuration space through [`ConfigSpace`]: the boot image implements it on the machine, [`Recorded`]
//! on bytes that were kept, so that the same bytes give the same functions.

mod function;
mod numbers;
pub mod place;
mod recorded;
mod register;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

pub use numbers::{Numbered, number_buses};
pub use recorded::{Recorded, RecordedFunction};
pub use register::{COMMAND, Command, MSI_CONTROL, MSI_ENABLE, MSI_X_ENABLE};

use crate::inventory::EcamSegment;
use crate::pci::{PciAddress, PciFunction};
use register::{HEADER, MULTI_FUNCTION};

/// Configuration space of a machine.
pub trait ConfigSpace {
    /// The four bytes at `register`, a multiple of 4. All ones where there is no such function.
    fn read(&mut self, function: PciAddress, register: u16) -> u32;

    /// Writes four bytes at `register`, a multiple of 4.
    fn write(&mut self, function: PciAddress, register: u16, value: u32);
}

/// Every function on every bus of `segments`, in the order of their addresses.
///
/// All buses are looked at, not only those that a bridge leads to: machines have several buses that no bridge leads to, and
/// say which only in AML.
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
fn present(space: &mut impl ConfigSpace, first: PciAddress) -> Vec<PciAddress> {
    if !function::exists(space, first) {
        return Vec::new();
    }
    let others = space.read(first, HEADER) & MULTI_FUNCTION != 0;
    let others = first.siblings().filter(|_| others);
    let others: Vec<_> = others.filter(|address| function::exists(space, *address)).collect();
    [first].into_iter().chain(others).collect()
}

#[cfg(test)]
mod tests;
