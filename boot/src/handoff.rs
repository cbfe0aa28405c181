//! The boot loader's information, brought into one form for all loaders.
//!
//! The loader's own structures may lie anywhere, even where a partition will be, so everything is copied out at once.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::slice;

use multiboot2::{BootInformation, BootInformationHeader};
use partitioner::address::MemoryRange;
use partitioner::firmware::RawRegion;

use crate::entry::Protocol;

/// A module as it was loaded.
#[derive(Debug)]
pub struct Module {
    /// The name that the loader was given for it; empty under PVH.
    pub name: String,
    /// Where its bytes are.
    pub range: MemoryRange,
}

/// The information of a boot loader.
#[derive(Debug)]
pub struct HandOff {
    /// For display: the loader and its protocol.
    pub loader: String,
    /// The memory map, as it came.
    pub memory: Vec<RawRegion>,
    /// The modules in order.
    pub modules: Vec<Module>,
    /// The address of the ACPI root pointer, if the loader gives it.
    pub rsdp: Option<u64>,
    /// Whether the firmware is UEFI, as far as the loader says.
    pub is_uefi: bool,
}

impl HandOff {
    /// One past the last byte that is memory, of whatever use. Firmware reserves address space far above it.
    pub fn memory_end(&self) -> u64 {
        let memory = self.memory.iter().filter(|region| region.kind != E820_RESERVED);
        memory.map(|region| region.start.saturating_add(region.len)).max().unwrap_or(0)
    }
}

/// Address space that is no memory of ours.
const E820_RESERVED: u32 = 2;

/// A hand-off that cannot be read.
#[derive(Debug)]
pub enum HandOffError {
    /// The number in EAX is not Multiboot2's.
    NotMultiboot2(u32),
    /// The boot information is damaged.
    Damaged,
    /// There is no memory map.
    NoMemoryMap,
}

impl core::fmt::Display for HandOffError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotMultiboot2(magic) => {
                write!(f, "entered with magic number {magic:#010x}, neither Multiboot2's nor by PVH")
            }
            Self::Damaged => f.write_str("the boot loader's information is damaged"),
            Self::NoMemoryMap => f.write_str("the boot loader gives no memory map"),
        }
    }
}

/// Reads what the loader left at `info`.
///
/// # Safety
/// `info` is what the entrance found in EBX, and the first 4 GiB are identity-mapped.
pub unsafe fn read(protocol: Protocol, info: u32) -> Result<HandOff, HandOffError> {
    match protocol {
        // SAFETY: the caller guarantees it.
        Protocol::Pvh => unsafe { read_pvh(u64::from(info)) },
        // SAFETY: the caller guarantees it.
        Protocol::Multiboot2(multiboot2::MAGIC) => unsafe { read_multiboot2(u64::from(info)) },
        Protocol::Multiboot2(magic) => Err(HandOffError::NotMultiboot2(magic)),
    }
}

/// # Safety
/// `info` points to a Multiboot2 boot information.
unsafe fn read_multiboot2(info: u64) -> Result<HandOff, HandOffError> {
    // SAFETY: the magic number in EAX promises that the loader has built this structure there.
    let info = unsafe { BootInformation::load(info as *const BootInformationHeader) };
    let info = info.map_err(|_| HandOffError::Damaged)?;
    let map = info.memory_map_tag().ok_or(HandOffError::NoMemoryMap)?;
    let memory = map
        .memory_areas()
        .iter()
        .map(|area| RawRegion { start: area.start_address(), len: area.size(), kind: u32::from(area.typ()) })
        .collect();
    let modules = info
        .module_tags()
        .filter_map(|module| {
            let range = MemoryRange::new(u64::from(module.start_address()), u64::from(module.end_address()))?;
            Some(Module { name: module.cmdline().unwrap_or("").to_string(), range })
        })
        .collect();
    // The loader's copy of the root pointer is as good as the original.
    let rsdp = (info.rsdp_v2_tag().map(|tag| core::ptr::from_ref(tag).addr()))
        .or_else(|| info.rsdp_v1_tag().map(|tag| core::ptr::from_ref(tag).addr()))
        .map(|tag| tag as u64 + MULTIBOOT2_TAG_HEADER);
    let name = info.boot_loader_name_tag().and_then(|tag| tag.name().ok()).unwrap_or("unnamed loader");
    let is_uefi = info.efi_sdt64_tag().is_some() || info.efi_sdt32_tag().is_some();
    Ok(HandOff { loader: alloc::format!("{name} by Multiboot2"), memory, modules, rsdp, is_uefi })
}

/// A tag's type and size, before what it holds.
const MULTIBOOT2_TAG_HEADER: u64 = 8;

/// `struct hvm_start_info` (Xen `include/public/arch-x86/hvm/start_info.h`).
#[repr(C)]
struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    module_count: u32,
    modules: u64,
    command_line: u64,
    rsdp: u64,
    map: u64,
    map_entries: u32,
    reserved: u32,
}

/// `struct hvm_modlist_entry`.
#[repr(C)]
struct PvhModule {
    address: u64,
    size: u64,
    command_line: u64,
    reserved: u64,
}

/// `struct hvm_memmap_table_entry`.
#[repr(C)]
struct PvhMapEntry {
    address: u64,
    size: u64,
    kind: u32,
    reserved: u32,
}

const PVH_MAGIC: u32 = 0x336e_c578;

/// # Safety
/// `info` points to a PVH start information.
unsafe fn read_pvh(info: u64) -> Result<HandOff, HandOffError> {
    // SAFETY: the PVH entrance promises a start information there; it is read before its magic number is believed,
    // but every address below 4 GiB is mapped.
    let info = unsafe { &*(info as *const StartInfo) };
    if info.magic != PVH_MAGIC {
        return Err(HandOffError::Damaged);
    }
    if info.version < 1 || info.map_entries == 0 {
        return Err(HandOffError::NoMemoryMap);
    }
    // SAFETY: version 1 has a memory map of that many entries at that address.
    let map = unsafe { slice::from_raw_parts(info.map as *const PvhMapEntry, info.map_entries as usize) };
    let modules: &[PvhModule] = match info.module_count {
        0 => &[],
        // SAFETY: the list has that many entries at that address.
        count => unsafe { slice::from_raw_parts(info.modules as *const PvhModule, count as usize) },
    };
    Ok(HandOff {
        loader: "PVH".to_string(),
        memory: map.iter().map(|entry| RawRegion { start: entry.address, len: entry.size, kind: entry.kind }).collect(),
        modules: modules
            .iter()
            .filter_map(|module| {
                Some(Module { name: String::new(), range: MemoryRange::with_len(module.address, module.size)? })
            })
            .collect(),
        rsdp: Some(info.rsdp).filter(|rsdp| *rsdp != 0),
        is_uefi: false,
    })
}
