//! Why an instance cannot be shown its partition, and the diagnostic of each reason.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::diagnostic::Diagnostic;

/// Why an instance cannot be shown its partition.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ViewError {
    /// Ours and the owner's words together do not fit.
    #[error("the command line of \"{partition}\" takes {len} bytes, but Linux reads at most {most}")]
    CommandLineTooLong {
        /// The partition's name.
        partition: String,
        /// Bytes, without the closing zero.
        len: usize,
        /// Bytes that fit.
        most: usize,
    },
    /// The partition's memory is in more pieces than a zero page can list.
    #[error("the memory map of \"{partition}\" takes {entries} entries, but a zero page holds {most}")]
    MemoryMapTooLong {
        /// The partition's name.
        partition: String,
        /// Entries needed.
        entries: usize,
        /// Entries that fit.
        most: usize,
    },
    /// More cores than the room for the ACPI tables can list.
    #[error("the ACPI tables of \"{partition}\" take {len} bytes, but there is room for {most}")]
    AcpiTablesTooLong {
        /// The partition's name.
        partition: String,
        /// Bytes needed.
        len: usize,
        /// Bytes that fit.
        most: usize,
    },
}

impl From<&ViewError> for Diagnostic {
    fn from(error: &ViewError) -> Self {
        let (code, help) = match error {
            ViewError::CommandLineTooLong { len, most, .. } => {
                ("command-line-too-long", format!("shorten `cmdline` by {} bytes", len - most))
            }
            ViewError::MemoryMapTooLong { .. } => {
                ("memory-map-too-long", "ask for less memory, so that it comes in fewer pieces".into())
            }
            ViewError::AcpiTablesTooLong { .. } => ("acpi-tables-too-long", "give the partition fewer cores".into()),
        };
        Self::new(code, error.to_string(), Vec::new(), help)
    }
}
