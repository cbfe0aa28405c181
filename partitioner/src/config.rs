//! The box file: what the owner of a machine wrote. It says what is wanted, never addresses, interrupt numbers or MACs.
//!
//! ```toml
//! [box]
//! name = "pair"
//! shared_memory = "64MiB"       # optional: the window of the virtual Ethernet
//! queues = 2                    # optional: rings of each ordered pair of partitions
//!
//! [[partition]]
//! name = "web"
//! cpus = 2                      # a count, or a set: "2-3,6"
//! memory = "512MiB"
//! kernel = "vmlinuz"            # a stock bzImage; paths are relative to this file
//! initrd = "web.img"            # optional
//! cmdline = "quiet"             # optional
//! devices = ["class:nvme"]      # optional: PCI functions, a serial port
//! ```
//!
//! | key | meaning |
//! |---|---|
//! | names | `[a-z0-9-]`, at most 32: they become file names, host names and words of a command line |
//! | sizes | a whole number and KiB, MiB, GiB or TiB; memory and window are multiples of 2 MiB |
//! | `cpus` | a number is a count, a string is a set of core numbers |
//! | `devices` | addresses, classes, models, serial ports: see [`DeviceWish`] |
//!
//! The text is walked by hand rather than through serde, which stops at the first mistake: [`BoxFile::parse`] tells
//! all of them at once. `section` walks the tables, `values` gives meaning to what stands there, and `mistake` tells
//! what has none.

mod devices;
mod mistake;
mod section;
mod spelling;
mod values;

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::diagnostic::Diagnostic;
use crate::inventory::CoreNumber;
use crate::layout::DEFAULT_SHARED_MEMORY;
pub use devices::DeviceWish;
use mistake::{Fault, Mistake};
use section::Section;

/// The box file, read but not yet held against a machine: names are unique and not empty, sizes and sets have a
/// meaning. Every value keeps its place in the text.
#[derive(Clone, Debug)]
pub struct BoxFile {
    /// `box.name`.
    pub name: Spanned<String>,
    /// `box.shared_memory`, in bytes; [`crate::layout::DEFAULT_SHARED_MEMORY`] where the file says nothing.
    pub shared_memory: Spanned<u64>,
    /// `box.queues`, from 1 to [`crate::layout::QUEUES_MAX`].
    pub queues: Option<Spanned<u8>>,
    /// The partitions in the order of the file: at least one.
    pub partitions: Vec<PartitionEntry>,
}

/// One `[[partition]]`.
#[derive(Clone, Debug)]
pub struct PartitionEntry {
    /// `name`.
    pub name: Spanned<String>,
    /// `cpus`.
    pub cpus: Spanned<CpuRequest>,
    /// `memory`, in bytes, a multiple of 2 MiB.
    pub memory: Spanned<u64>,
    /// `kernel`: a path as written.
    pub kernel: Spanned<String>,
    /// `initrd`: a path as written.
    pub initrd: Option<Spanned<String>>,
    /// `cmdline`, empty where the file says nothing.
    pub cmdline: Spanned<String>,
    /// `devices`, in their order.
    pub devices: Vec<Spanned<DeviceWish>>,
}

/// Which cores a partition wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CpuRequest {
    /// So many, whichever are free and near together. At least 1.
    Count(u32),
    /// Exactly these. At least one.
    Set(BTreeSet<CoreNumber>),
}

impl CpuRequest {
    /// How many cores that is.
    pub fn cores(&self) -> usize {
        match self {
            Self::Count(count) => usize::try_from(*count).unwrap_or(usize::MAX),
            Self::Set(set) => set.len(),
        }
    }
}

/// The keys of the file, of `[box]` and of a `[[partition]]`.
const FILE_KEYS: &[&str] = &["box", "partition"];
const BOX_KEYS: &[&str] = &["name", "shared_memory", "queues"];
const PARTITION_KEYS: &[&str] = &["name", "cpus", "memory", "kernel", "initrd", "cmdline", "devices"];

impl BoxFile {
    /// Reads the text of a box file.
    ///
    /// # Errors
    /// Everything that is wrong with the text, in its order. If it is not even TOML, only that.
    pub fn parse(text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut mistakes = Vec::new();
        let file = match DeTable::parse_recoverable(text) {
            (table, errors) if errors.is_empty() => read_file(table.get_ref(), &mut mistakes),
            (_, errors) => {
                mistakes.extend(mistake::of_syntax(text, &errors));
                None
            }
        };
        match file {
            Some(file) if mistakes.is_empty() => Ok(file),
            _ => {
                mistakes.sort_by_key(|mistake| mistake.span.start);
                Err(mistakes.into_iter().map(Diagnostic::from).collect())
            }
        }
    }
}

fn read_file(table: &DeTable<'_>, mistakes: &mut Vec<Mistake>) -> Option<BoxFile> {
    let root = Section::new("the file", FILE_KEYS, table, 0..0, mistakes);
    let wanted = table.get("partition").and_then(|value| value.get_ref().as_array()).map_or(1, |array| array.len());
    let about_box = root.required("box", mistakes).and_then(|value| read_box(value, wanted, mistakes));
    let partitions = root.required("partition", mistakes).and_then(|value| read_partitions(value, mistakes));
    let BoxSection { name, shared_memory, queues } = about_box?;
    Some(BoxFile { name, shared_memory, queues, partitions: partitions? })
}

/// `[box]`.
struct BoxSection {
    name: Spanned<String>,
    shared_memory: Spanned<u64>,
    queues: Option<Spanned<u8>>,
}

fn read_box(value: &Spanned<DeValue<'_>>, partitions: usize, mistakes: &mut Vec<Mistake>) -> Option<BoxSection> {
    let section = Section::open("box", "[box]", BOX_KEYS, value, mistakes)?;
    let name = section.required_with("name", values::name, mistakes);
    let shared_memory =
        match section.optional_with("shared_memory", |key, value| values::window(key, value, partitions), mistakes) {
            Ok(size) => Some(size.unwrap_or_else(|| Spanned::new(section.span(), DEFAULT_SHARED_MEMORY))),
            Err(()) => None,
        };
    let queues = section.optional_with("queues", values::queues, mistakes);
    Some(BoxSection { name: name?, shared_memory: shared_memory?, queues: queues.ok()? })
}

fn read_partitions(value: &Spanned<DeValue<'_>>, mistakes: &mut Vec<Mistake>) -> Option<Vec<PartitionEntry>> {
    let DeValue::Array(array) = value.get_ref() else {
        let fault = Fault::wrong_type("partition", "a list of tables, each headed by [[partition]]", value);
        mistakes.push(Mistake::new(value.span(), fault));
        return None;
    };
    if array.is_empty() {
        mistakes.push(Mistake::new(value.span(), Fault::NoPartitions));
    }
    check_names_differ(array, mistakes);
    let entries: Vec<_> = array.iter().map(|value| read_partition(value, mistakes)).collect();
    entries.into_iter().collect()
}

/// Works on what is written and not on entries, so that a name is held against the others even where its partition has
/// other mistakes.
fn check_names_differ(array: &DeArray<'_>, mistakes: &mut Vec<Mistake>) {
    let mut seen: Vec<(&str, Range<usize>)> = Vec::new();
    let names = array.iter().filter_map(|partition| partition.get_ref().as_table()?.get("name"));
    for value in names {
        let Some(name) = value.get_ref().as_str().filter(|name| !name.is_empty()) else { continue };
        match seen.iter().find(|(other, _)| *other == name) {
            Some((_, first)) => {
                let fault = Fault::DuplicateName { name: name.into(), first: first.clone() };
                mistakes.push(Mistake::new(value.span(), fault));
            }
            None => seen.push((name, value.span())),
        }
    }
}

fn read_partition(value: &Spanned<DeValue<'_>>, mistakes: &mut Vec<Mistake>) -> Option<PartitionEntry> {
    let section = Section::open("partition", "[[partition]]", PARTITION_KEYS, value, mistakes)?;
    let name = section.required_with("name", values::name, mistakes);
    let cpus = section.required_with("cpus", values::cpus, mistakes);
    let memory = section.required_with("memory", values::memory, mistakes);
    let kernel = section.required_with("kernel", values::path, mistakes);
    let initrd = section.optional_with("initrd", values::path, mistakes);
    let cmdline = section.optional_with("cmdline", values::cmdline, mistakes);
    let devices = devices::read(&section, mistakes);
    Some(PartitionEntry {
        name: name?,
        cpus: cpus?,
        memory: memory?,
        kernel: kernel?,
        initrd: initrd.ok()?,
        cmdline: cmdline.ok()?.unwrap_or_else(|| Spanned::new(section.span(), String::new())),
        devices: devices?,
    })
}

#[cfg(test)]
mod tests;
