//! The firmware's ACPI tables: the `acpi` crate finds and checks them, and they are passed on as bytes. Before that,
//! [`partitioner::firmware::root`] looks at every length that the crate believes.

use core::ptr::NonNull;
use core::slice;

use acpi::sdt::{SdtHeader, Signature};
use acpi::{AcpiHandler, AcpiTable, AcpiTables, PhysicalMapping};
use partitioner::address::{GIB_4, MemoryRange};
use partitioner::firmware::FirmwareError;
use partitioner::firmware::root::{self, PhysicalMemory};
use partitioner::layout::RESIDENT;

use crate::paging;

/// All memory is identity-mapped, so mapping is nothing.
#[derive(Clone)]
struct Identity;

impl AcpiHandler for Identity {
    unsafe fn map_physical_region<T>(&self, physical_address: usize, size: usize) -> PhysicalMapping<Self, T> {
        let pointer = NonNull::new(physical_address as *mut T).unwrap_or(NonNull::dangling());
        // SAFETY: physical memory is identity-mapped and stays so.
        unsafe { PhysicalMapping::new(physical_address, pointer, size, size, self.clone()) }
    }

    fn unmap_physical_region<T>(_region: &PhysicalMapping<Self, T>) {}
}

/// Memory in which firmware tables may lie: all but this image, of which a page is not mapped.
struct Memory;

impl PhysicalMemory for Memory {
    fn bytes(&self, address: u64, len: u64) -> Option<&[u8]> {
        let range = MemoryRange::with_len(address, len).filter(|range| !range.overlaps(RESIDENT))?;
        let first = NonNull::new(range.start() as *mut u8)?;
        if range.end() > GIB_4 {
            // SAFETY: the boot processor runs alone when tables are looked for.
            unsafe { paging::map(range.start(), range.end()) }.ok()?;
        }
        // SAFETY: the range is identity-mapped: what lies below 4 GiB by the entry code, the rest just now. Any bytes
        // are bytes. Nobody writes to firmware tables; at a wrong address there is something that does not change
        // while this runs alone, or no table is found in it.
        Some(unsafe { slice::from_raw_parts(first.as_ptr(), len as usize) })
    }
}

/// A table of which only the bytes matter here.
macro_rules! raw_table {
    ($name:ident, $signature:ident) => {
        #[repr(transparent)]
        struct $name(SdtHeader);

        // SAFETY: the type is a header, and every table begins with one of its signature.
        unsafe impl AcpiTable for $name {
            const SIGNATURE: Signature = Signature::$signature;

            fn header(&self) -> &SdtHeader {
                &self.0
            }
        }
    };
}

raw_table!(Madt, MADT);
raw_table!(Srat, SRAT);
raw_table!(Mcfg, MCFG);
raw_table!(Hpet, HPET);
raw_table!(Fadt, FADT);
raw_table!(Dmar, DMAR);
raw_table!(Ivrs, IVRS);

/// The tables of this machine.
pub struct Tables(Option<AcpiTables<Identity>>);

impl Tables {
    /// Finds them from the root pointer that the loader names, or, on a BIOS, where the specification puts it
    /// (ACPI 6.5, section 5.2.5.1). The planner refuses a machine without tables.
    ///
    /// # Errors
    /// If the length of a table is wrong.
    ///
    /// # Safety
    /// All memory is identity-mapped, and the boot processor runs alone.
    pub unsafe fn find(rsdp: Option<u64>) -> Result<Self, FirmwareError> {
        let Some(pointer) = rsdp.or_else(|| root::find_pointer(&Memory)) else { return Ok(Self(None)) };
        root::check(&Memory, pointer)?;
        // SAFETY: whatever is there is mapped; the crate looks at signature and checksum, and every length has been
        // checked just now.
        Ok(Self(unsafe { AcpiTables::from_rsdp(Identity, pointer as usize) }.ok()))
    }

    fn bytes<T: AcpiTable>(&self) -> Option<&'static [u8]> {
        let mapping = self.0.as_ref()?.find_table::<T>().ok()?;
        let length = mapping.region_length();
        // SAFETY: the crate has checked the table's checksum over this length; the tables lie in memory that the
        // planner gives to no partition, so they are never written.
        Some(unsafe { slice::from_raw_parts(mapping.physical_start() as *const u8, length) })
    }

    /// The processors.
    pub fn madt(&self) -> Option<&'static [u8]> {
        self.bytes::<Madt>()
    }

    /// Which memory is near to which processors.
    pub fn srat(&self) -> Option<&'static [u8]> {
        self.bytes::<Srat>()
    }

    /// PCI configuration space in memory.
    pub fn mcfg(&self) -> Option<&'static [u8]> {
        self.bytes::<Mcfg>()
    }

    /// The high precision event timer.
    pub fn hpet(&self) -> Option<&'static [u8]> {
        self.bytes::<Hpet>()
    }

    /// VT-d.
    pub fn dmar(&self) -> Option<&'static [u8]> {
        self.bytes::<Dmar>()
    }

    /// AMD-Vi.
    pub fn ivrs(&self) -> Option<&'static [u8]> {
        self.bytes::<Ivrs>()
    }

    /// Fixed hardware.
    pub fn fadt(&self) -> Option<&'static [u8]> {
        self.bytes::<Fadt>()
    }
}
