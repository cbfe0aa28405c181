//! The box file: what the owner of a machine wrote. It says what is wanted, never addresses, interrupt numbers or MACs.
//!
//! ```toml
//! [box]
//! name = "pair"
//! shared_memory = "64MiB"       # optional: the window of the virtual Ethernet
//!
//! [[partition]]
//! name = "web"
//! cpus = 2                      # a count, or a set: "2-3,6"
//! memory = "512MiB"
//! kernel = "vmlinuz"            # a stock bzImage; paths are relative to this file
//! initrd = "web.img"            # optional
//! cmdline = "quiet"             # optional
//! ```

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use toml::Spanned;

use crate::diagnostic::Diagnostic;
use crate::inventory::CoreNumber;

/// The box file, read but not yet held against a machine: names are unique and not empty, sizes and sets have a
/// meaning. Every value keeps its place in the text.
#[derive(Clone, Debug)]
pub struct BoxFile {
    /// `box.name`.
    pub name: Spanned<String>,
    /// `box.shared_memory`, in bytes; [`crate::layout::DEFAULT_SHARED_MEMORY`] where the file says nothing.
    pub shared_memory: Spanned<u64>,
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
}

/// Which cores a partition wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CpuRequest {
    /// So many, whichever are free and near together. At least 1.
    Count(u32),
    /// Exactly these. At least one.
    Set(BTreeSet<CoreNumber>),
}

impl BoxFile {
    /// Reads the text of a box file.
    ///
    /// # Errors
    /// Everything that is wrong with the text, in the order of the file.
    pub fn parse(text: &str) -> Result<Self, Vec<Diagnostic>> {
        let _ = text;
        todo!()
    }
}
