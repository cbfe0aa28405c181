//! The firmware's ACPI tables: the `acpi` crate finds and checks them, and they are passed on as bytes.

use core::ptr::NonNull;
use core::slice;

use acpi::sdt::{SdtHeader, Signature};
use acpi::{AcpiHandler, AcpiTable, AcpiTables, PhysicalMapping};

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

/// The tables of this machine.
pub struct Tables(Option<AcpiTables<Identity>>);

impl Tables {
    /// Finds them from the root pointer that the loader names, or, on a BIOS, where the specification puts it
    /// (ACPI 6.5, section 5.2.5.1). The planner refuses a machine without tables.
    ///
    /// # Safety
    /// The memory that holds firmware tables is identity-mapped, and `rsdp` is what a boot loader said.
    pub unsafe fn find(rsdp: Option<u64>) -> Self {
        let tables = match rsdp {
            // SAFETY: by the contract there is a root pointer; its signature and checksum are checked.
            Some(address) => unsafe { AcpiTables::from_rsdp(Identity, address as usize) },
            // SAFETY: the BIOS area below 1 MiB is mapped.
            None => unsafe { AcpiTables::search_for_rsdp_bios(Identity) },
        };
        Self(tables.ok())
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

    /// Fixed hardware.
    pub fn fadt(&self) -> Option<&'static [u8]> {
        self.bytes::<Fadt>()
    }
}
