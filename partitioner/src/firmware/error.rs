//! Why firmware tables cannot be used, and the diagnostic of each reason.

use alloc::string::ToString;
use alloc::vec::Vec;

use crate::diagnostic::Diagnostic;
use crate::inventory::ApicId;

/// Why the tables do not say what the machine has.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FirmwareError {
    /// No MADT.
    #[error("the firmware has no ACPI MADT, so the cores of this machine are unknown")]
    NoMadt,
    /// A table that is shorter than its header, or than its header says, or is another table.
    #[error("the ACPI table {name} is damaged: {len} bytes are there, its header says {stated}")]
    Damaged {
        /// Its signature.
        name: &'static str,
        /// Bytes that there are.
        len: usize,
        /// Bytes that its header states; 0 if there is not even a header.
        stated: usize,
    },
    /// A table that cannot be read, or, under the name of a root table, one that it leads to.
    #[error("the ACPI table {name} is damaged: not all that should be at {address:#x} can be read")]
    OutOfReach {
        /// Its signature.
        name: &'static str,
        /// The address.
        address: u64,
    },
    /// The processor that runs is not in the MADT.
    #[error("the boot processor, APIC ID {boot_processor}, is not among the {cores} enabled processors of the MADT")]
    BootProcessorMissing {
        /// Its APIC ID.
        boot_processor: ApicId,
        /// How many there are.
        cores: usize,
    },
}

impl From<&FirmwareError> for Diagnostic {
    fn from(error: &FirmwareError) -> Self {
        let (code, help) = match error {
            FirmwareError::NoMadt => ("no-madt", "enable ACPI in the firmware's set-up"),
            FirmwareError::Damaged { .. } | FirmwareError::OutOfReach { .. } => {
                ("firmware-table-damaged", "update the machine's firmware")
            }
            FirmwareError::BootProcessorMissing { .. } => {
                ("boot-processor-missing", "update the machine's firmware, or enable all its cores")
            }
        };
        Self::new(code, error.to_string(), Vec::new(), help)
    }
}
