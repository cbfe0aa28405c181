//! Recorded configuration space: what `sprig inventory` reads under a running Linux, and what tests make up.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::config_space::ConfigSpace;
use super::function::bar_register;
use super::register::{COMMAND, PREFETCHABLE_WINDOW};
use crate::pci::PciAddress;

/// Functions by their addresses.
#[derive(Clone, Default, Debug)]
pub struct Recorded(BTreeMap<PciAddress, RecordedFunction>);

/// The registers of a function, and how much its base address registers decode, which the bytes do not show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordedFunction {
    registers: Vec<u8>,
    bar_lens: [u64; 6],
}

impl RecordedFunction {
    /// From as many `registers` as were readable, at least the first 64 bytes, and the length that each base address
    /// register decodes, 0 for none. A register of 64 bits has its length at the lower half.
    pub fn new(registers: &[u8], bar_lens: [u64; 6]) -> Option<Self> {
        (registers.len() >= 64).then(|| Self { registers: registers.into(), bar_lens })
    }

    pub(super) fn read(&self, register: u16) -> u32 {
        let at = usize::from(register);
        self.registers.get(at..at + 4).and_then(|bytes| bytes.first_chunk()).copied().map_or(0, u32::from_le_bytes)
    }

    pub(super) fn write(&mut self, register: u16, value: u32) {
        let value = match (0..6u8).find(|index| bar_register(*index) == register) {
            Some(index) if !self.is_bridge() || index < 2 => self.settable(usize::from(index), value),
            // Its upper half is the status, which is not set by writing.
            _ if register == COMMAND => self.read(register) & 0xffff_0000 | value & 0xffff,
            // The width of the window is in bits that are fixed.
            _ if register == PREFETCHABLE_WINDOW && self.is_bridge() => {
                value & 0xfff0_fff0 | self.read(register) & 0x000f_000f
            }
            _ => value,
        };
        let at = usize::from(register);
        if let Some(bytes) = self.registers.get_mut(at..at + 4) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
    }

    fn is_bridge(&self) -> bool {
        self.registers[0x0e] & 0x7f == 1
    }

    /// What a base address register holds when `value` is written to it: the bits below its length are fixed.
    fn settable(&self, index: usize, value: u32) -> u32 {
        let is_upper = |index: usize| {
            let low = self.read(bar_register(index as u8));
            self.bar_lens[index] != 0 && low & 0x7 == 0x4
        };
        if let Some(lower) = index.checked_sub(1).filter(|lower| is_upper(*lower)) {
            let mask = self.bar_lens[lower].wrapping_neg() >> 32;
            return value & mask as u32;
        }
        let low = self.read(bar_register(index as u8));
        let fixed = if low & 1 == 1 { 0x3 } else { 0xf };
        match self.bar_lens[index] {
            0 => 0,
            len => value & len.wrapping_neg() as u32 & !fixed | low & fixed,
        }
    }
}

impl Recorded {
    /// Keeps a function; returns what was there before.
    pub fn insert(&mut self, address: PciAddress, function: RecordedFunction) -> Option<RecordedFunction> {
        self.0.insert(address, function)
    }
}

impl ConfigSpace for Recorded {
    fn read(&mut self, function: PciAddress, register: u16) -> u32 {
        self.0.get(&function).map_or(u32::MAX, |function| function.read(register))
    }

    fn write(&mut self, function: PciAddress, register: u16, value: u32) {
        if let Some(function) = self.0.get_mut(&function) {
            function.write(register, value);
        }
    }
}
