//! The ACPI tables of an instance (ACPI 6.5, section 5.2), one blob in this order:
//!
//! ```text
//! RSDP  ->  XSDT  ->  FADT  ->  DSDT     the console, the window, PCI buses
//!                 ->  MADT              the cores
//!                 ->  MCFG              configuration space of its PCI buses, if it has any
//! ```
//!
//! There is nothing in them that two instances would share: no IOAPIC, no HPET, no PM timer, no FACS, no `_S5`.

use alloc::vec::Vec;

use acpi_tables::Aml;
use acpi_tables::fadt::{FADTBuilder, Flags};
use acpi_tables::madt::{EnabledStatus, ProcessorLocalApic};
use acpi_tables::rsdp::Rsdp;
use acpi_tables::sdt::Sdt;
use acpi_tables::xsdt::XSDT;

use super::address::address_in_tables;
use super::error::ViewError;
use crate::inventory::ApicId;
use crate::layout::{ACPI_LEN, ACPI_OFFSET};
use crate::plan::{PartitionPlan, Plan};

mod aml;
mod dsdt;
mod pci;

use aml::{HEADER_LEN, OEM_ID, OEM_REVISION, OEM_TABLE_ID, serialized};

pub use pci::segment;

/// Tables start at multiples of this, so that a kernel may read their fields in place.
const TABLE_ALIGN: usize = 16;
/// With this revision the MADT has the online-capable flag (ACPI 6.3).
const MADT_REVISION: u8 = 5;
/// Where every processor finds its local APIC after a reset.
const LOCAL_APIC: u32 = 0xfee0_0000;
/// `IAPC_BOOT_ARCH`: no VGA (bit 2), no ASPM (bit 4), no CMOS RTC (bit 5); bits 0 and 1 clear: no legacy devices, no
/// 8042.
const IAPC_BOOT_ARCH: u16 = 1 << 2 | 1 << 4 | 1 << 5;

/// The tables for the instance of `partition`, as they lie from `tables` + [`ACPI_OFFSET`], the RSDP first.
///
/// # Errors
/// [`ViewError::AcpiTablesTooLong`] for thousands of cores.
pub fn acpi_tables(plan: &Plan, partition: &PartitionPlan) -> Result<Vec<u8>, ViewError> {
    let base = address_in_tables(partition, ACPI_OFFSET);
    let mut rest = Blob { base, bytes: alloc::vec![0; Rsdp::len()] };
    let dsdt = rest.append(&dsdt::dsdt(plan, partition));
    let fadt = rest.append(&fadt(dsdt));
    let madt = rest.append(&madt(plan, partition));
    let mcfg = pci::mcfg(plan, partition).map(|mcfg| rest.append(&mcfg));
    let mut xsdt = XSDT::new(OEM_ID, OEM_TABLE_ID, OEM_REVISION);
    xsdt.add_entry(fadt);
    xsdt.add_entry(madt);
    mcfg.into_iter().for_each(|mcfg| xsdt.add_entry(mcfg));
    let xsdt = rest.append(&xsdt);

    let mut bytes = rest.bytes;
    bytes[..Rsdp::len()].copy_from_slice(&serialized(&Rsdp::new(OEM_ID, xsdt)));
    let most = ACPI_LEN as usize;
    if bytes.len() > most {
        return Err(ViewError::AcpiTablesTooLong { partition: partition.name.clone(), len: bytes.len(), most });
    }
    Ok(bytes)
}

/// Tables one behind the other, at the addresses at which the instance will find them.
struct Blob {
    base: u64,
    bytes: Vec<u8>,
}

impl Blob {
    /// Adds a table; returns its address.
    fn append(&mut self, table: &dyn Aml) -> u64 {
        self.bytes.resize(self.bytes.len().next_multiple_of(TABLE_ALIGN), 0);
        let address = self.base + self.bytes.len() as u64;
        table.to_aml_bytes(&mut self.bytes);
        address
    }
}

/// The fixed description: hardware-reduced, so no PIC, PIT or IOAPIC; and interrupts go to physical destinations, since
/// all instances number their logical ones from the same start.
fn fadt(dsdt: u64) -> impl Aml {
    let mut fadt = FADTBuilder::new(OEM_ID, OEM_TABLE_ID, OEM_REVISION)
        .dsdt_64(dsdt)
        .flag(Flags::HwReducedAcpi)
        .flag(Flags::ForceApicPhysicalDestinationMode);
    fadt.iapc_boot_arch = IAPC_BOOT_ARCH.into();
    fadt.finalize()
}

/// The cores of the partition, the one that boots it first, and no IOAPIC.
///
/// Kernels from 6.12 on believe that they are a crash kernel if the first entry is a core that is not the boot
/// processor, and then use one core only. So where the partition lacks it, the real one comes first, as a core that
/// could be plugged in later. It must not be said to be enabled: 6.1 would reset it, and with it the machine.
fn madt(plan: &Plan, partition: &PartitionPlan) -> Sdt {
    let mut madt = Sdt::new(*b"APIC", HEADER_LEN, MADT_REVISION, OEM_ID, OEM_TABLE_ID, OEM_REVISION);
    madt.append_slice(&LOCAL_APIC.to_le_bytes());
    // Flags: no PC-AT PICs.
    madt.append_slice(&0u32.to_le_bytes());
    if partition.boot_core().core.apic_id != plan.boot_processor {
        madt.append_slice(&local_apic(plan.boot_processor, EnabledStatus::DisabledOnlineCapable));
    }
    for core in &partition.cores {
        madt.append_slice(&local_apic(core.core.apic_id, EnabledStatus::Enabled));
    }
    madt
}

/// A local APIC entry, or a local x2APIC one for an identifier that the former cannot hold. An APIC ID is unique on the
/// machine, and so serves as the processor's UID too.
fn local_apic(id: ApicId, status: EnabledStatus) -> Vec<u8> {
    match u8::try_from(id.0) {
        Ok(short) if short != u8::MAX => serialized(&ProcessorLocalApic::new(short, short, status)),
        _ => local_x2apic(id, status),
    }
}

/// ACPI 6.5, table 5.35.
fn local_x2apic(id: ApicId, status: EnabledStatus) -> Vec<u8> {
    let mut entry = alloc::vec![9, 16, 0, 0];
    entry.extend(id.0.to_le_bytes());
    entry.extend((status as u32).to_le_bytes());
    entry.extend(id.0.to_le_bytes());
    entry
}
