//! The box file that the owner of a machine wrote. It says what is wanted, never addresses, interrupt numbers or MACs.
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
//! start = false                 # optional: planned, and not started with the box
//! on_panic = "restart"          # optional: "restart", "stop" or "keep"; on_hang and on_exit alike
//! restart_limit = 5             # optional: most such restarts within ten minutes
//! ```
//!
//! | key | meaning |
//! |---|---|
//! | names | `[a-z0-9-]`, at most 32: they become file names, host names and words of a command line |
//! | sizes | a whole number and KiB, MiB, GiB or TiB; memory and window are multiples of 2 MiB |
//! | `cpus` | a number is a count, a string is a set of core numbers |
//! | `devices` | addresses, classes, models, serial ports: see [`DeviceSelector`] |
//!
//! The text is walked by hand rather than through serde, which stops at the first error: [`BoxFile::parse`] reports
//! all of them at once. `section` walks the tables, `values` and `devices` read the values, [`words`] has what `cmdline`
//! cannot say, and `error` has what can be wrong with them.

mod device;
mod devices;
mod error;
mod file;
mod lifecycle;
mod limits;
mod section;
mod spelling;
mod values;
pub mod words;

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::diagnostic::Diagnostic;
use crate::layout::DEFAULT_SHARED_MEMORY;
pub use device::DeviceSelector;
use error::{ConfigError, ConfigErrorKind};
pub use file::{BoxFile, CpuRequest, PartitionEntry};
pub use lifecycle::{Lifecycle, Reaction};
use section::Section;

/// The keys that a box file may have.
pub mod keys {
    /// Of the file.
    pub const FILE: &[&str] = &["box", "partition"];
    /// Of `[box]`.
    pub const BOX: &[&str] = &["name", "shared_memory", "queues"];
    /// Of a `[[partition]]`.
    pub const PARTITION: &[&str] = &[
        "name",
        "cpus",
        "memory",
        "kernel",
        "initrd",
        "cmdline",
        "devices",
        "start",
        "on_panic",
        "on_hang",
        "on_exit",
        "restart_limit",
    ];
}

/// Whether a text can be the name of a box or a partition.
///
/// # Errors
/// Why not, with what to write instead.
pub fn check_name(text: &str) -> Result<(), String> {
    values::usable_name(text.to_owned()).map(drop).map_err(|kind| {
        let diagnostic = Diagnostic::from(ConfigError::new(0..0, kind));
        format!("{}: {}", diagnostic.message, diagnostic.help)
    })
}

impl BoxFile {
    /// Reads the text of a box file.
    ///
    /// # Errors
    /// Everything that is wrong with the text, in its order. If it is not even TOML, only that.
    pub fn parse(text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut errors = Vec::new();
        let file = match DeTable::parse_recoverable(text) {
            (table, syntax) if syntax.is_empty() => read_file(table.get_ref(), &mut errors),
            (_, syntax) => {
                errors.extend(error::of_syntax(text, &syntax));
                None
            }
        };
        match file {
            Some(file) if errors.is_empty() => Ok(file),
            _ => {
                errors.sort_by_key(|error| error.span.start);
                Err(errors.into_iter().map(Diagnostic::from).collect())
            }
        }
    }
}

fn read_file(table: &DeTable<'_>, errors: &mut Vec<ConfigError>) -> Option<BoxFile> {
    let root = Section::new("the file", keys::FILE, table, 0..0, errors);
    let wanted = table.get("partition").and_then(|value| value.get_ref().as_array()).map_or(1, |array| array.len());
    let about_box = root.required("box", errors).and_then(|value| read_box(value, wanted, errors));
    let partitions = root.required("partition", errors).and_then(|value| read_partitions(value, errors));
    let BoxSection { name, shared_memory, queues } = about_box?;
    Some(BoxFile { name, shared_memory, queues, partitions: partitions? })
}

/// `[box]`.
struct BoxSection {
    name: Spanned<String>,
    shared_memory: Spanned<u64>,
    queues: Option<Spanned<u8>>,
}

fn read_box(value: &Spanned<DeValue<'_>>, partitions: usize, errors: &mut Vec<ConfigError>) -> Option<BoxSection> {
    let section = Section::open("box", "[box]", keys::BOX, value, errors)?;
    let name = section.required_with("name", values::name, errors);
    let shared_memory =
        match section.optional_with("shared_memory", |key, value| values::window(key, value, partitions), errors) {
            Ok(size) => Some(size.unwrap_or_else(|| Spanned::new(section.span(), DEFAULT_SHARED_MEMORY))),
            Err(()) => None,
        };
    let queues = section.optional_with("queues", values::queues, errors);
    Some(BoxSection { name: name?, shared_memory: shared_memory?, queues: queues.ok()? })
}

fn read_partitions(value: &Spanned<DeValue<'_>>, errors: &mut Vec<ConfigError>) -> Option<Vec<PartitionEntry>> {
    let DeValue::Array(array) = value.get_ref() else {
        let kind = ConfigErrorKind::wrong_type("partition", "a list of tables, each headed by [[partition]]", value);
        errors.push(ConfigError::new(value.span(), kind));
        return None;
    };
    if array.is_empty() {
        errors.push(ConfigError::new(value.span(), ConfigErrorKind::NoPartitions));
    }
    check_names_differ(array, errors);
    let entries: Vec<_> = array.iter().map(|value| read_partition(value, errors)).collect();
    let entries: Vec<_> = entries.into_iter().collect::<Option<_>>()?;
    if !entries.is_empty() && entries.iter().all(|entry| !entry.lifecycle.start) {
        errors.push(ConfigError::new(value.span(), ConfigErrorKind::NothingStarts));
    }
    Some(entries)
}

/// Works on what is written and not on entries, so that a name is held against the others even where its partition has
/// other errors.
fn check_names_differ(array: &DeArray<'_>, errors: &mut Vec<ConfigError>) {
    let mut seen: Vec<(&str, Range<usize>)> = Vec::new();
    let names = array.iter().filter_map(|partition| partition.get_ref().as_table()?.get("name"));
    for value in names {
        let Some(name) = value.get_ref().as_str().filter(|name| !name.is_empty()) else { continue };
        match seen.iter().find(|(other, _)| *other == name) {
            Some((_, first)) => {
                let kind = ConfigErrorKind::DuplicateName { name: name.into(), first: first.clone() };
                errors.push(ConfigError::new(value.span(), kind));
            }
            None => seen.push((name, value.span())),
        }
    }
}

fn read_partition(value: &Spanned<DeValue<'_>>, errors: &mut Vec<ConfigError>) -> Option<PartitionEntry> {
    let section = Section::open("partition", "[[partition]]", keys::PARTITION, value, errors)?;
    let name = section.required_with("name", values::name, errors);
    let cpus = section.required_with("cpus", values::cpus, errors);
    let memory = section.required_with("memory", values::memory, errors);
    let kernel = section.required_with("kernel", values::path, errors);
    let initrd = section.optional_with("initrd", values::path, errors);
    let cmdline = section.optional_with("cmdline", values::cmdline, errors);
    if let Ok(Some(cmdline)) = &cmdline {
        check_words(cmdline, errors);
    }
    let devices = devices::read(&section, errors);
    let lifecycle = lifecycle::read(&section, errors);
    Some(PartitionEntry {
        name: name?,
        cpus: cpus?,
        memory: memory?,
        kernel: kernel?,
        initrd: initrd.ok()?,
        cmdline: cmdline.ok()?.unwrap_or_else(|| Spanned::new(section.span(), String::new())),
        devices: devices?,
        lifecycle: lifecycle?,
    })
}

/// Every word that would lead the kernel out of its partition is an error of its own.
fn check_words(cmdline: &Spanned<String>, errors: &mut Vec<ConfigError>) {
    let refused = words::refused_in(cmdline.get_ref()).into_iter();
    let kinds = refused.map(|(word, rule)| ConfigErrorKind::CmdlineWord { word: word.into(), rule });
    errors.extend(kinds.map(|kind| ConfigError::new(cmdline.span(), kind)));
}

#[cfg(test)]
mod tests;
