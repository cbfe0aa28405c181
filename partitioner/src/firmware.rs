//! Makes an [`crate::inventory::Inventory`] of the tables of firmware and processor: the tables that are *read*. The
//! tables that each instance is given are made in [`crate::view`].
//!
//! Everything here reads bytes from elsewhere, and takes nothing for granted: lengths are checked, entries that make no
//! sense are skipped, and the result is the same for the same bytes.
//!
//! | module | reads | specification |
//! |---|---|---|
//! | [`mod@madt`] | processors, IOAPICs | ACPI 6.5, section 5.2.12 |
//! | [`mod@srat`] | which node processors and memory are near to | ACPI 6.5, section 5.2.16 |
//! | [`mod@root`] | the way to all tables | ACPI 6.5, sections 5.2.5 to 5.2.8 |
//! | [`mod@mcfg`], [`mod@ecam`] | configuration space of PCI segments | PCI Firmware Specification 3.3, section 4.1.2 |
//! | [`mod@iommu`] | I/O memory management units | Intel VT-d 4.1, section 8; AMD IOMMU 3.09, section 5.2 |
//! | [`mod@pci`] | PCI functions | PCI Local Bus Specification 3.0, chapter 6 |
//! | [`mod@memory_map`] | e820 | ACPI 6.5, section 15 |
//! | [`mod@smt`] | CPUID leaves 0x0B, 0x1F and 0x8000_001E | Intel SDM volume 3, AMD APM volume 3 |
//! | [`mod@tsc`] | CPUID leaves 0x15 and 0x16 | Intel SDM volume 3, "Determining the Processor Base Frequency" |

pub mod ecam;
pub mod iommu;
pub mod madt;
pub mod mcfg;
pub mod memory_map;
pub mod pci;
pub mod root;
pub mod smt;
pub mod srat;
pub mod tsc;

mod error;
mod table;

use alloc::vec::Vec;

use crate::inventory::{ApicId, Core, EcamSegment, NodeId, NodeMemory};

pub use error::FirmwareError;
pub use madt::IoApic;
pub use memory_map::{RawRegion, memory_map};
pub use smt::smt_shift;
pub use tsc::tsc_khz;

/// The tables that describe the machine: each whole, with its header, or `None` if the firmware has no such table.
#[derive(Clone, Copy, Default, Debug)]
pub struct FirmwareTables<'a> {
    /// Multiple APIC Description Table, signature `APIC`.
    pub madt: Option<&'a [u8]>,
    /// System Resource Affinity Table.
    pub srat: Option<&'a [u8]>,
    /// Memory-mapped configuration space.
    pub mcfg: Option<&'a [u8]>,
}

/// What the tables describe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topology {
    /// Every enabled processor once, the boot processor first, the others in the order of the MADT.
    pub cores: Vec<Core>,
    /// Memory affinity, in the order of the SRAT.
    pub node_memory: Vec<NodeMemory>,
    /// PCI segments with memory-mapped configuration space, as the MCFG has them: [`ecam::usable_segments`] says which
    /// can be used.
    pub ecam: Vec<EcamSegment>,
    /// The interrupt controllers that the boot image must mask.
    pub io_apics: Vec<IoApic>,
    /// Where the registers of a processor's own APIC lie.
    pub local_apic_address: u64,
}

/// What the machine has, as far as its tables say; `boot_processor` is the one that runs now.
///
/// # Errors
/// If there is no MADT, if a table is damaged, or if the MADT does not know the boot processor.
pub fn topology(tables: &FirmwareTables<'_>, boot_processor: ApicId) -> Result<Topology, FirmwareError> {
    let madt = madt::read(tables.madt.ok_or(FirmwareError::NoMadt)?)?;
    let affinity = tables.srat.map(srat::read).transpose()?.unwrap_or_default();
    let ecam = tables.mcfg.map(mcfg::read).transpose()?.unwrap_or_default();

    let node = |apic_id| affinity.node_of(apic_id).unwrap_or(NodeId(0));
    let core = |p: &madt::Processor| Core { apic_id: p.apic_id, acpi_uid: p.acpi_uid, node: node(p.apic_id) };
    let mut cores: Vec<Core> = madt.processors.iter().map(core).collect();
    let boot = cores.iter().position(|core| core.apic_id == boot_processor);
    let boot = boot.ok_or(FirmwareError::BootProcessorMissing { boot_processor, cores: cores.len() })?;
    cores[..=boot].rotate_right(1);
    Ok(Topology {
        cores,
        node_memory: affinity.memory,
        ecam,
        io_apics: madt.io_apics,
        local_apic_address: madt.local_apic_address,
    })
}

#[cfg(test)]
mod tests;
