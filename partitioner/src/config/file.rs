//! What a box file holds once it is read.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use toml::Spanned;

use super::device::DeviceSelector;
use super::lifecycle::Lifecycle;
use crate::inventory::CoreNumber;

/// The box file, read but not yet compared with a machine: names are unique and not empty, sizes and sets have a
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
    pub devices: Vec<Spanned<DeviceSelector>>,
    /// `start`, `on_panic`, `on_hang`, `on_exit`, `restart_limit`.
    pub lifecycle: Lifecycle,
}

/// Which cores a partition wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CpuRequest {
    /// So many cores, those that are free and near together. At least 1.
    Count(u32),
    /// Exactly these cores. At least one.
    Set(BTreeSet<CoreNumber>),
}

impl CpuRequest {
    /// The number of cores.
    pub fn cores(&self) -> usize {
        match self {
            Self::Count(count) => usize::try_from(*count).unwrap_or(usize::MAX),
            Self::Set(set) => set.len(),
        }
    }
}
