//! What all tables have in common: their headers' fields, their bytes, and one resource that `acpi_tables` lacks.

use alloc::vec::Vec;

use acpi_tables::aml::{AddressSpace, AddressSpaceCacheable};
use acpi_tables::{Aml, AmlSink};

use crate::address::MemoryRange;

pub(super) const OEM_ID: [u8; 6] = *b"SPRIG ";
pub(super) const OEM_TABLE_ID: [u8; 8] = *b"PARTITN ";
pub(super) const OEM_REVISION: u32 = 1;

/// Bytes of the header that every table but the RSDP has.
pub(super) const HEADER_LEN: u32 = 36;

pub(super) fn serialized(table: &dyn Aml) -> Vec<u8> {
    let mut bytes = Vec::new();
    table.to_aml_bytes(&mut bytes);
    bytes
}

/// Memory that a device uses itself: a QWord address space descriptor (ACPI 6.5, section 6.4.3.5.1) whose consumer bit
/// is set. `AddressSpace` alone describes what a bridge forwards to the devices behind it.
pub(super) struct ConsumedMemory(pub(super) MemoryRange);

impl ConsumedMemory {
    /// The byte of the descriptor that holds the general flags.
    const GENERAL_FLAGS: usize = 4;
    /// "This device consumes this resource".
    const CONSUMER: u8 = 1;
}

impl Aml for ConsumedMemory {
    fn to_aml_bytes(&self, sink: &mut dyn AmlSink) {
        let (first, last) = (self.0.start(), self.0.end() - 1);
        let handed_on = AddressSpace::<u64>::new_memory(AddressSpaceCacheable::Cacheable, true, first, last, None);
        let mut descriptor = serialized(&handed_on);
        descriptor[Self::GENERAL_FLAGS] |= Self::CONSUMER;
        sink.vec(&descriptor);
    }
}
