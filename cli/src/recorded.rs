//! Records the machine under a running Linux: the inventory that the boot image would take of it, as far as Linux shows it.
//!
//! | what | from |
//! |---|---|
//! | cores, nodes, configuration space | the ACPI tables in `/sys/firmware/acpi/tables` |
//! | memory | `/sys/firmware/memmap`, or else the top level of `/proc/iomem` |
//! | PCI functions | `/sys/bus/pci/devices`, as far as the ACPI table MCFG leads to them |
//! | serial ports | `/sys/class/tty` |
//! | threads of a physical core, time-stamp counter, address bits | CPUID |
//!
//! Tables, map and configuration space go through [`partitioner::firmware`], as in the boot image.

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::anyhow;
use partitioner::firmware::ecam::usable_segments;
use partitioner::firmware::pci::place::Addresses;
use partitioner::firmware::{FirmwareError, FirmwareTables, memory_map, topology};
use partitioner::inventory::{Inventory, SerialPort};

use crate::processor::Processor;

mod memory;
mod pci;

/// Why a machine cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    /// Only root may read a file.
    #[error("only root may read {}", path.display())]
    NeedsRoot {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        error: io::Error,
    },
    /// The system shows only the beginning of a function's configuration space.
    #[error(
        "only the first 64 bytes of {} can be read, and how the device interrupts stands behind them",
        path.display()
    )]
    CutShort {
        /// The file.
        path: PathBuf,
    },
    /// Linux shows no memory map.
    #[error("the machine's memory map is neither in {} nor in {}", memmap.display(), iomem.display())]
    NoMemoryMap {
        /// The firmware's map.
        memmap: PathBuf,
        /// Linux's map.
        iomem: PathBuf,
    },
    /// The firmware's tables are wrong.
    #[error(transparent)]
    Firmware(#[from] FirmwareError),
}

impl RecordError {
    /// With what mends it, where it has stopped this subcommand.
    pub(crate) fn stopping(self, subcommand: &str) -> anyhow::Error {
        match self {
            Self::NeedsRoot { .. } => anyhow!("{self}: run `sudo sprig {subcommand}`"),
            Self::CutShort { .. } => anyhow!("{self}: run `sudo sprig {subcommand}`, and not in a container"),
            _ => self.into(),
        }
    }
}

/// Records the machine whose `/sys` and `/proc` are below `root` and which has this processor.
///
/// # Errors
/// If a needed file cannot be read, or makes no sense.
pub(crate) fn record(root: &Path, processor: &Processor) -> Result<Inventory, RecordError> {
    let tables = root.join("sys/firmware/acpi/tables");
    let madt = optional(&tables.join("APIC"))?;
    let srat = optional(&tables.join("SRAT"))?;
    let mcfg = optional(&tables.join("MCFG"))?;
    let tables = FirmwareTables { madt: madt.as_deref(), srat: srat.as_deref(), mcfg: mcfg.as_deref() };
    let topology = topology(&tables, processor.boot_apic_id)?;
    let memory = memory_map(memory::read(root)?);
    let (ecam, _) = usable_segments(&topology.ecam, &memory, processor.physical_address_bits);
    let addresses = Addresses { memory: &memory, ecam: &ecam, bits: processor.physical_address_bits };
    Ok(Inventory {
        machine: processor.name.clone(),
        cores: topology.cores,
        smt_shift: processor.smt_shift,
        pci: pci::functions(root, addresses)?,
        memory,
        node_memory: topology.node_memory,
        ecam,
        serial_ports: serial_ports(&root.join("sys/class/tty"))?,
        tsc: processor.tsc,
        physical_address_bits: processor.physical_address_bits,
    })
}

/// Reads a file that may be missing.
fn optional(path: &Path) -> Result<Option<Vec<u8>>, RecordError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, error)),
    }
}

fn unreadable(path: &Path, error: io::Error) -> RecordError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::PermissionDenied => RecordError::NeedsRoot { path },
        _ => RecordError::Unreadable { path, error },
    }
}

/// The 8250s in I/O space, in the order of their names: `ttyS0` is where the boot image logs.
pub(crate) fn serial_ports(folder: &Path) -> Result<Vec<SerialPort>, RecordError> {
    let mut ports = Vec::new();
    // Linux has up to 32 names, most of them for ports that are not there: those are at 0.
    for number in 0..32 {
        let Some(text) = optional(&folder.join(format!("ttyS{number}/port")))? else { continue };
        let text = String::from_utf8_lossy(&text);
        let io_port = hexadecimal(&text).and_then(|port| u16::try_from(port).ok()).unwrap_or_default();
        // The driver lists the usual places even where it found nothing: type 0.
        let kind = optional(&folder.join(format!("ttyS{number}/type")))?;
        if io_port != 0 && kind.is_none_or(|kind| kind.trim_ascii() != b"0") {
            ports.push(SerialPort { io_port });
        }
    }
    Ok(ports)
}

fn hexadecimal(text: &str) -> Option<u64> {
    let digits = text.trim();
    let digits = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")).unwrap_or(digits);
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests;
