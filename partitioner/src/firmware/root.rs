//! The way from the root pointer to the tables (ACPI 6.5, sections 5.2.5 to 5.2.8), checked before it is walked.
//!
//! The `acpi` crate walks it in the boot image. It believes lengths: it subtracts a header's length from that of the root
//! table unchecked, and reads as many bytes as a table says it has. So [`check`] first looks at every length that the
//! crate will use. It keeps quiet about what the crate finds out itself, such as checksums.

use super::error::FirmwareError;
use super::table::{HEADER_LEN, LENGTH, u16_at, u32_at, u64_at};

/// Memory of the machine.
pub trait PhysicalMemory {
    /// So many bytes; `None` if not all of them can be read.
    fn bytes(&self, address: u64, len: u64) -> Option<&[u8]>;
}

/// The tables that the boot image reads.
const READ: [&str; 7] = ["APIC", "SRAT", "MCFG", "HPET", "FACP", "DMAR", "IVRS"];
/// No table is as long as that.
const TABLE_MOST: usize = 16 << 20;
/// Bytes of the root pointer before and since ACPI 2.0.
const OLD_POINTER_LEN: u64 = 20;
const POINTER_LEN: u64 = 36;

/// The fields of the root pointer (table 5.3).
mod pointer {
    pub(super) const SIGNATURE: &[u8] = b"RSD PTR ";
    pub(super) const REVISION: usize = 15;
    pub(super) const RSDT: usize = 16;
    pub(super) const LENGTH: usize = 20;
    pub(super) const XSDT: usize = 24;
}

/// The root pointer on a BIOS (section 5.2.5.1): in the first KiB of its extended data area, or in its read-only memory.
pub fn find_pointer(memory: &impl PhysicalMemory) -> Option<u64> {
    const EXTENDED_AREA: u64 = 0x40e;
    let segment = memory.bytes(EXTENDED_AREA, 2).and_then(|bytes| u16_at(bytes, 0)).unwrap_or_default();
    let extended = u64::from(segment) << 4;
    let areas = [extended..extended + 1024, 0xe_0000..0x10_0000];
    let mut places = areas.into_iter().flat_map(|area| area.step_by(16));
    places.find(|place| is_pointer(memory, *place))
}

fn is_pointer(memory: &impl PhysicalMemory, address: u64) -> bool {
    let bytes = memory.bytes(address, OLD_POINTER_LEN);
    bytes.is_some_and(|bytes| bytes.starts_with(pointer::SIGNATURE) && sum(bytes) == 0)
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// Checks every length on the way from the root pointer at `address`.
///
/// # Errors
/// [`FirmwareError::Damaged`] and [`FirmwareError::OutOfReach`], which name the table.
pub fn check(memory: &impl PhysicalMemory, address: u64) -> Result<(), FirmwareError> {
    if !is_pointer(memory, address) {
        return Ok(());
    }
    let (name, root, pointer_len) = root_table(memory, address)?;
    let bytes = whole(memory, name, root)?;
    if !bytes.starts_with(name.as_bytes()) || sum(bytes) != 0 {
        return Ok(());
    }
    let pointers = bytes.get(HEADER_LEN..).unwrap_or_default().chunks_exact(pointer_len);
    pointers.map(little_endian).filter(|table| *table != 0).try_for_each(|table| check_table(memory, name, table))
}

/// The root table's name and address, and the length of the addresses in it.
fn root_table(memory: &impl PhysicalMemory, address: u64) -> Result<(&'static str, u64, usize), FirmwareError> {
    let out_of_reach = FirmwareError::OutOfReach { name: "RSDP", address };
    let bytes = memory.bytes(address, OLD_POINTER_LEN).ok_or(out_of_reach.clone())?;
    if bytes.get(pointer::REVISION) == Some(&0) {
        return Ok(("RSDT", u32_at(bytes, pointer::RSDT).map_or(0, u64::from), 4));
    }
    let bytes = memory.bytes(address, POINTER_LEN).ok_or(out_of_reach)?;
    let stated = u32_at(bytes, pointer::LENGTH).map_or(0, |stated| stated as usize);
    match u64_at(bytes, pointer::XSDT) {
        Some(xsdt) if stated == bytes.len() => Ok(("XSDT", xsdt, 8)),
        _ => Err(FirmwareError::Damaged { name: "RSDP", len: bytes.len(), stated }),
    }
}

/// A whole table, at least a header.
fn whole<'a>(memory: &'a impl PhysicalMemory, name: &'static str, address: u64) -> Result<&'a [u8], FirmwareError> {
    let out_of_reach = FirmwareError::OutOfReach { name, address };
    let header = memory.bytes(address, HEADER_LEN as u64).ok_or(out_of_reach.clone())?;
    let stated = u32_at(header, LENGTH).map_or(0, |stated| stated as usize);
    if !(HEADER_LEN..=TABLE_MOST).contains(&stated) {
        return Err(FirmwareError::Damaged { name, len: header.len(), stated });
    }
    memory.bytes(address, stated as u64).ok_or(out_of_reach)
}

/// Of a table that nobody reads, the header must be there, and says so.
fn check_table(memory: &impl PhysicalMemory, root: &'static str, address: u64) -> Result<(), FirmwareError> {
    let out_of_reach = FirmwareError::OutOfReach { name: root, address };
    let header = memory.bytes(address, HEADER_LEN as u64).ok_or(out_of_reach)?;
    match READ.into_iter().find(|name| header.starts_with(name.as_bytes())) {
        Some(name) => whole(memory, name, address).map(drop),
        None => Ok(()),
    }
}

/// An address of up to 64 bits.
fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |address, byte| address << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests;
