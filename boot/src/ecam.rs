//! PCI configuration space, through memory (PCI Express Base Specification 5.0, section 7.2.2).

use alloc::vec::Vec;

use partitioner::firmware::pci::ConfigSpace;
use partitioner::inventory::EcamSegment;
use partitioner::pci::PciAddress;

use crate::loader;

/// The configuration space of every segment that the MCFG names. All of it is identity-mapped.
pub struct Ecam(Vec<EcamSegment>);

/// Bytes of a function.
const LEN: u16 = 4096;

impl Ecam {
    /// Of these segments.
    pub fn new(segments: &[EcamSegment]) -> Self {
        Self(segments.into())
    }

    /// Where a register of so many bytes lies; `None` outside of what the MCFG names.
    fn address(&self, function: PciAddress, register: u16, len: u16) -> Option<u64> {
        let inside = register.is_multiple_of(len) && register <= LEN - len;
        let function = self.0.iter().find_map(|segment| segment.address_of(function)).filter(|_| inside)?;
        Some(function + u64::from(register))
    }

    /// Clears and sets bits of a 16-bit register.
    pub fn update(&mut self, function: PciAddress, register: u16, clear: u16, set: u16) {
        let Some(address) = self.address(function, register, 2) else { return };
        // SAFETY: an aligned register in configuration space, which the MCFG names; nobody else writes there before the
        // first kernel runs. What it does is the caller's intent.
        unsafe { loader::update(address, clear, set) }
    }
}

impl ConfigSpace for Ecam {
    fn read(&mut self, function: PciAddress, register: u16) -> u32 {
        // SAFETY: an aligned register in configuration space, which the MCFG names. Reading those of the common header
        // and of capabilities has no side effect.
        self.address(function, register, 4)
            .map_or(u32::MAX, |address| unsafe { (address as *const u32).read_volatile() })
    }

    fn write(&mut self, function: PciAddress, register: u16, value: u32) {
        if let Some(address) = self.address(function, register, 4) {
            // SAFETY: as for `update`.
            unsafe { (address as *mut u32).write_volatile(value) }
        }
    }
}
