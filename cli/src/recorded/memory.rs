//! The firmware's memory map as Linux shows it.

use std::path::Path;
use std::{fs, io};

use partitioner::firmware::RawRegion;

use super::{RecordError, hexadecimal, unreadable};

/// The lines of the map: `/sys/firmware/memmap` is the firmware's own; `/proc/iomem` has what Linux made of it.
pub(super) fn read(root: &Path) -> Result<Vec<RawRegion>, RecordError> {
    let memmap = root.join("sys/firmware/memmap");
    let iomem = root.join("proc/iomem");
    let regions = from_memmap(&memmap)?;
    if !regions.is_empty() {
        return Ok(regions);
    }
    match fs::read_to_string(&iomem) {
        Ok(text) => from_iomem(&text).ok_or(RecordError::NeedsRoot { path: iomem }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(RecordError::NoMemoryMap { memmap, iomem }),
        Err(error) => Err(unreadable(&iomem, error)),
    }
}

fn from_memmap(folder: &Path) -> Result<Vec<RawRegion>, RecordError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(folder, error)),
    };
    let mut regions = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(folder, error))?.path();
        let field = |name: &str| {
            let path = entry.join(name);
            fs::read_to_string(&path).map_err(|error| unreadable(&path, error))
        };
        let (start, end, kind) = (field("start")?, field("end")?, field("type")?);
        if let (Some(start), Some(last)) = (hexadecimal(&start), hexadecimal(&end)) {
            regions.push(region(start, last, kind.trim()));
        }
    }
    Ok(regions)
}

/// The top level of `/proc/iomem`; `None` if its addresses are hidden, as they are from everybody but root.
fn from_iomem(text: &str) -> Option<Vec<RawRegion>> {
    let mut regions = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with(' ')) {
        let Some((range, kind)) = line.split_once(" : ") else { continue };
        let Some((start, last)) = range.split_once('-') else { continue };
        if is_memory(kind)
            && let (Some(start), Some(last)) = (hexadecimal(start), hexadecimal(last))
        {
            regions.push(region(start, last, kind));
        }
    }
    regions.iter().any(|region| region.start != 0).then_some(regions)
}

/// Whether such a line is of the firmware's map; the others are devices.
fn is_memory(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    ["system ram", "reserved", "acpi tables", "acpi non-volatile storage", "unusable memory"].contains(&kind.as_str())
}

/// `last` is inclusive, as Linux shows it. A kind that Linux names otherwise is reserved: type 2.
fn region(start: u64, last: u64, kind: &str) -> RawRegion {
    let kind = match kind.to_ascii_lowercase().as_str() {
        "system ram" => 1,
        "acpi tables" => 3,
        "acpi non-volatile storage" => 4,
        "unusable memory" => 5,
        _ => 2,
    };
    RawRegion { start, len: last.wrapping_sub(start).wrapping_add(1), kind }
}
