//! PCI functions as Linux shows them: the bytes of their configuration space, and how much each of their registers
//! decodes, which the bytes do not show (`Documentation/PCI/sysfs-pci.rst` of the kernel).

use std::path::Path;
use std::{fs, io};

use partitioner::firmware::pci::place::{Addresses, place};
use partitioner::firmware::pci::{self, Recorded, RecordedFunction, register};
use partitioner::pci::{PciAddress, PciFunction};

use super::{RecordError, hexadecimal, unreadable};

/// The part of configuration space that every user may read. The capabilities lie behind it.
const FOR_EVERYBODY: usize = 64;
/// The upper half of the command register is the status, in two bytes.
const STATUS: usize = register::COMMAND as usize + 2;
const HAS_CAPABILITIES: u8 = (register::HAS_CAPABILITIES >> 16) as u8;
const BARS: usize = register::BARS as usize;
/// Linux's flag for a range of I/O ports (`include/linux/ioport.h`).
const IORESOURCE_IO: u64 = 0x100;

/// Every function in the machine's configuration space, as the boot image would find it, which gives addresses to
/// functions that Linux has left without.
pub(super) fn functions(root: &Path, addresses: Addresses<'_>) -> Result<Vec<PciFunction>, RecordError> {
    let mut space = read(&root.join("sys/bus/pci/devices"))?;
    let functions = pci::functions(&mut space, addresses.ecam);
    let placed = place(&mut space, &functions, addresses);
    Ok(if placed.is_empty() { functions } else { pci::functions(&mut space, addresses.ecam) })
}

fn read(folder: &Path) -> Result<Recorded, RecordError> {
    let mut space = Recorded::default();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(space),
        Err(error) => return Err(unreadable(folder, error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(folder, error))?;
        // Segments that Linux has made up, for functions behind a controller of their own, have longer numbers.
        let Ok(address) = entry.file_name().to_string_lossy().parse::<PciAddress>() else { continue };
        if let Some(function) = read_function(&entry.path())? {
            space.insert(address, function);
        }
    }
    Ok(space)
}

/// `None` of a function that no longer answers.
fn read_function(folder: &Path) -> Result<Option<RecordedFunction>, RecordError> {
    let (config, resource) = (folder.join("config"), folder.join("resource"));
    let registers = fs::read(&config).map_err(|error| unreadable(&config, error))?;
    let lens = fs::read_to_string(&resource).map_err(|error| unreadable(&resource, error))?;
    let has_capabilities = registers.get(STATUS).is_some_and(|status| status & HAS_CAPABILITIES != 0);
    if registers.len() <= FOR_EVERYBODY && has_capabilities {
        return Err(RecordError::CutShort { path: config });
    }
    Ok(RecordedFunction::new(&registers, bar_lens(&lens, &registers)))
}

/// A line for each register: first and last address, and flags.
fn bar_lens(resource: &str, registers: &[u8]) -> [u64; 6] {
    let mut lens = [0; 6];
    for (index, (len, line)) in lens.iter_mut().zip(resource.lines()).enumerate() {
        let mut fields = line.split_whitespace().map_while(hexadecimal);
        let (Some(first), Some(last), Some(flags)) = (fields.next(), fields.next(), fields.next()) else { continue };
        // Old disk controllers decode ports that stand in no register.
        let holds_ports = registers.get(BARS + 4 * index).is_some_and(|low| u32::from(*low) & register::BAR_IO != 0);
        if flags != 0 && holds_ports == (flags & IORESOURCE_IO != 0) {
            *len = last.wrapping_sub(first).wrapping_add(1);
        }
    }
    lens
}
