//! The Multiple APIC Description Table (ACPI 6.5, section 5.2.12).

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use serde::Serialize;

use super::error::FirmwareError;
use super::table::{body, entries, u32_at, u64_at};
use crate::inventory::ApicId;

/// Where the table has the address of the processors' own APICs.
const LOCAL_APIC_ADDRESS: usize = 36;
/// Where the entries start.
const ENTRIES: usize = 44;
/// The flag of a processor that is there and may be used.
const ENABLED: u32 = 1;

const LOCAL_APIC: u8 = 0;
const IO_APIC: u8 = 1;
const LOCAL_APIC_ADDRESS_OVERRIDE: u8 = 5;
const LOCAL_X2APIC: u8 = 9;

/// A processor local APIC structure (section 5.2.12.2).
mod local_apic {
    pub(super) const ACPI_UID: usize = 2;
    pub(super) const APIC_ID: usize = 3;
    pub(super) const FLAGS: usize = 4;
}

/// A processor local x2APIC structure (section 5.2.12.12).
mod local_x2apic {
    pub(super) const X2APIC_ID: usize = 4;
    pub(super) const FLAGS: usize = 8;
    pub(super) const ACPI_UID: usize = 12;
}

/// An I/O APIC structure (section 5.2.12.3).
mod io_apic_structure {
    pub(super) const ID: usize = 2;
    pub(super) const ADDRESS: usize = 4;
    pub(super) const GSI_BASE: usize = 8;
}

/// A local APIC address override structure (section 5.2.12.8).
mod address_override {
    pub(super) const ADDRESS: usize = 4;
}

/// An interrupt controller for devices.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct IoApic {
    /// Its identifier.
    pub id: u8,
    /// Where its registers lie.
    pub address: u32,
    /// The first global system interrupt that it serves.
    pub gsi_base: u32,
}

/// An enabled processor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Processor {
    /// Where interrupts for it are sent.
    pub apic_id: ApicId,
    /// Its name in the ACPI namespace.
    pub acpi_uid: u32,
}

/// What we need of the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Madt {
    /// Enabled processors, each once, in the table's order.
    pub processors: Vec<Processor>,
    /// IOAPICs in the table's order.
    pub io_apics: Vec<IoApic>,
    /// Where the registers of a processor's own APIC lie.
    pub local_apic_address: u64,
}

/// Reads a whole table, header included.
///
/// # Errors
/// [`FirmwareError::Damaged`].
pub fn read(bytes: &[u8]) -> Result<Madt, FirmwareError> {
    let body = body(bytes, "APIC", ENTRIES)?;
    let mut seen = BTreeSet::new();
    let processors = entries(body).filter_map(processor).filter(|found| seen.insert(found.apic_id)).collect();
    let io_apics = entries(body).filter_map(io_apic).collect();
    let fixed_address = u32_at(bytes, LOCAL_APIC_ADDRESS).map(u64::from).unwrap_or_default();
    let local_apic_address = entries(body).find_map(local_apic_address).unwrap_or(fixed_address);
    Ok(Madt { processors, io_apics, local_apic_address })
}

/// A processor that is enabled and has a real identifier: all ones addresses every processor, never one.
fn processor((kind, entry): (u8, &[u8])) -> Option<Processor> {
    let (apic_id, acpi_uid, flags) = match kind {
        LOCAL_APIC => {
            let apic_id = *entry.get(local_apic::APIC_ID).filter(|id| **id != u8::MAX)?;
            (u32::from(apic_id), u32::from(entry[local_apic::ACPI_UID]), u32_at(entry, local_apic::FLAGS)?)
        }
        LOCAL_X2APIC => {
            let apic_id = u32_at(entry, local_x2apic::X2APIC_ID).filter(|id| *id != u32::MAX)?;
            (apic_id, u32_at(entry, local_x2apic::ACPI_UID)?, u32_at(entry, local_x2apic::FLAGS)?)
        }
        _ => return None,
    };
    (flags & ENABLED != 0).then_some(Processor { apic_id: ApicId(apic_id), acpi_uid })
}

fn io_apic((kind, entry): (u8, &[u8])) -> Option<IoApic> {
    if kind != IO_APIC {
        return None;
    }
    Some(IoApic {
        id: *entry.get(io_apic_structure::ID)?,
        address: u32_at(entry, io_apic_structure::ADDRESS)?,
        gsi_base: u32_at(entry, io_apic_structure::GSI_BASE)?,
    })
}

fn local_apic_address((kind, entry): (u8, &[u8])) -> Option<u64> {
    if kind == LOCAL_APIC_ADDRESS_OVERRIDE { u64_at(entry, address_override::ADDRESS) } else { None }
}
