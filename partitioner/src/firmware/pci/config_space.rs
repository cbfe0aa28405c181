//! Access to PCI configuration space (PCI Local Bus Specification 3.0, section 6.1).

use crate::pci::PciAddress;

/// Configuration space of a machine.
pub trait ConfigSpace {
    /// The four bytes at `register`, a multiple of 4. All ones where there is no such function.
    fn read(&mut self, function: PciAddress, register: u16) -> u32;

    /// Writes four bytes at `register`, a multiple of 4.
    fn write(&mut self, function: PciAddress, register: u16, value: u32);
}
