//! The zero page: `struct boot_params` (Linux `Documentation/arch/x86/zero-page.rst` and `boot.rst`).
//!
//! All that is not set here is zero, and that has a meaning too: no video mode, so no VGA console; no EFI; no EDD.

use alloc::boxed::Box;
use core::ops::Range;

use super::address::address_in_tables;
use super::e820::{E820_MAX, E820Entry, E820Kind, e820};
use super::error::ViewError;
use super::seed::seed_address;
use crate::address::MemoryRange;
use crate::bzimage::{BzImage, SETUP_HEADER_MAX, SETUP_HEADER_OFFSET};
use crate::layout::{ACPI_OFFSET, COMMAND_LINE_OFFSET};
use crate::plan::{PartitionPlan, Plan};

/// `type_of_loader` of a loader that has no number of its own.
const UNDEFINED_LOADER: u8 = 0xff;
/// `LOADED_HIGH` in `loadflags`: the protected-mode code is at 1 MiB or above.
const LOADED_HIGH: u8 = 1;

/// Where in the page each field lies.
mod field {
    use core::ops::Range;

    pub(super) const ACPI_RSDP_ADDR: Range<usize> = 0x070..0x078;
    pub(super) const EXT_RAMDISK_IMAGE: Range<usize> = 0x0c0..0x0c4;
    pub(super) const EXT_RAMDISK_SIZE: Range<usize> = 0x0c4..0x0c8;
    pub(super) const EXT_CMD_LINE_PTR: Range<usize> = 0x0c8..0x0cc;
    pub(super) const E820_ENTRIES: usize = 0x1e8;
    pub(super) const TYPE_OF_LOADER: usize = 0x210;
    pub(super) const LOADFLAGS: usize = 0x211;
    pub(super) const RAMDISK_IMAGE: Range<usize> = 0x218..0x21c;
    pub(super) const RAMDISK_SIZE: Range<usize> = 0x21c..0x220;
    pub(super) const CMD_LINE_PTR: Range<usize> = 0x228..0x22c;
    pub(super) const SETUP_DATA: Range<usize> = 0x250..0x258;
    pub(super) const E820_TABLE: Range<usize> = 0x2d0..0xcd0;
}

/// Bytes of a line of the memory map: address, length, kind, without padding.
const E820_ENTRY_LEN: usize = 20;

/// The page that the kernel of `partition` finds in RSI when it is entered.
///
/// # Errors
/// As [`e820`].
pub fn zero_page(plan: &Plan, partition: &PartitionPlan, bzimage: &BzImage) -> Result<Box<[u8; 4096]>, ViewError> {
    let mut page = Box::new([0; 4096]);
    put_header(&mut page, bzimage);

    page[field::ACPI_RSDP_ADDR].copy_from_slice(&address_in_tables(partition, ACPI_OFFSET).to_le_bytes());
    let command_line = address_in_tables(partition, COMMAND_LINE_OFFSET);
    put_split(&mut page, field::CMD_LINE_PTR, field::EXT_CMD_LINE_PTR, command_line);
    page[field::SETUP_DATA].copy_from_slice(&seed_address(partition).to_le_bytes());
    put_initrd(&mut page, partition.initrd);
    put_memory_map(&mut page, &e820(plan, partition)?);
    Ok(page)
}

/// The page that another kernel finds in the place of the one for which `page` was made, in the same partition, where
/// `given_up` is no longer its memory. `None` if that never was, or the map has no room for it.
pub(crate) fn of_another_kernel(
    page: &[u8; 4096],
    bzimage: &BzImage,
    initrd: Option<MemoryRange>,
    given_up: MemoryRange,
) -> Option<Box<[u8; 4096]>> {
    let mut new = Box::new(*page);
    put_header(&mut new, bzimage);
    for kept in [field::CMD_LINE_PTR, field::SETUP_DATA] {
        new[kept.clone()].copy_from_slice(&page[kept]);
    }
    put_initrd(&mut new, initrd);
    let mut entries = heapless::Vec::new();
    let mut is_found = false;
    for entry in memory_map(page) {
        let entry = entry?;
        if entry.kind != E820Kind::Usable || !entry.range.contains(given_up) {
            entries.push(entry).ok()?;
            continue;
        }
        is_found = true;
        let [before, after] = entry.range.without(given_up);
        let usable = |range| E820Entry { range, kind: E820Kind::Usable };
        let reserved = E820Entry { range: given_up, kind: E820Kind::Reserved };
        for part in before.map(usable).into_iter().chain([reserved]).chain(after.map(usable)) {
            entries.push(part).ok()?;
        }
    }
    put_memory_map(&mut new, &entries);
    is_found.then_some(new)
}

/// Writes a kernel's own header, and what every loader adds to it.
fn put_header(page: &mut [u8; 4096], bzimage: &BzImage) {
    let header = &bzimage.setup_header;
    page[SETUP_HEADER_OFFSET..SETUP_HEADER_OFFSET + SETUP_HEADER_MAX].fill(0);
    page[SETUP_HEADER_OFFSET..SETUP_HEADER_OFFSET + header.len()].copy_from_slice(header);
    page[field::TYPE_OF_LOADER] = UNDEFINED_LOADER;
    page[field::LOADFLAGS] |= LOADED_HIGH;
}

/// Writes where the initial file system lies.
fn put_initrd(page: &mut [u8; 4096], initrd: Option<MemoryRange>) {
    let (start, len) = initrd.map_or((0, 0), |range| (range.start(), range.len()));
    put_split(page, field::RAMDISK_IMAGE, field::EXT_RAMDISK_IMAGE, start);
    put_split(page, field::RAMDISK_SIZE, field::EXT_RAMDISK_SIZE, len);
}

/// The lines of a page's memory map; `None` where one is not of ours.
fn memory_map(page: &[u8; 4096]) -> impl Iterator<Item = Option<E820Entry>> {
    let count = usize::from(page[field::E820_ENTRIES]).min(E820_MAX);
    page[field::E820_TABLE].chunks_exact(E820_ENTRY_LEN).take(count).map(|line| {
        let number = |at: usize| Some(u64::from_le_bytes(line.get(at..at + 8)?.try_into().ok()?));
        let range = MemoryRange::with_len(number(0)?, number(8)?)?;
        let known = [E820Kind::Usable, E820Kind::Reserved, E820Kind::AcpiTables];
        let kind = known.into_iter().find(|kind| line[16..20] == (*kind as u32).to_le_bytes())?;
        Some(E820Entry { range, kind })
    })
}

/// Writes the lower half of a value into one field and the upper half into another.
fn put_split(page: &mut [u8; 4096], low: Range<usize>, high: Range<usize>, value: u64) {
    let bytes = value.to_le_bytes();
    page[low].copy_from_slice(&bytes[..4]);
    page[high].copy_from_slice(&bytes[4..]);
}

/// Writes the memory map and how long it is.
fn put_memory_map(page: &mut [u8; 4096], entries: &heapless::Vec<E820Entry, E820_MAX>) {
    // A `u8` holds it: there are at most 128.
    page[field::E820_ENTRIES] = entries.len() as u8;
    for (line, entry) in page[field::E820_TABLE].chunks_exact_mut(E820_ENTRY_LEN).zip(entries) {
        line[0..8].copy_from_slice(&entry.range.start().to_le_bytes());
        line[8..16].copy_from_slice(&entry.range.len().to_le_bytes());
        line[16..20].copy_from_slice(&(entry.kind as u32).to_le_bytes());
    }
}
