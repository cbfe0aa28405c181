//! What is wanted: the box file together with the images that it names.

use alloc::string::String;
use alloc::vec::Vec;

use crate::address::MemoryRange;
use crate::bzimage::BzImage;
use crate::config::{BoxFile, PartitionEntry};

/// An image that the box file names, once, however many partitions use it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageFile {
    /// The path as the box file has it.
    pub path: String,
    /// Bytes.
    pub len: u64,
    /// Where a boot loader has put it. `None` on a host that only plans.
    pub loaded: Option<MemoryRange>,
}

/// The position of an [`ImageFile`] in [`Request::images`].
pub type ImageIndex = usize;

/// A partition's kernel and initial file system.
#[derive(Clone, Debug)]
pub struct PartitionImages {
    /// The file that holds the kernel.
    pub kernel: ImageIndex,
    /// What the kernel says of itself.
    pub bzimage: BzImage,
    /// The file that holds the initial file system.
    pub initrd: Option<ImageIndex>,
}

/// What is wanted of a machine.
#[derive(Clone, Debug)]
pub struct Request {
    /// The box file.
    pub file: BoxFile,
    /// The images, in the order in which the box file first names them.
    pub images: Vec<ImageFile>,
    /// For each partition of the box file, in its order.
    pub partitions: Vec<PartitionImages>,
}

impl Request {
    /// The partitions, each with its images.
    pub fn entries(&self) -> impl Iterator<Item = (&PartitionEntry, &PartitionImages)> {
        self.file.partitions.iter().zip(&self.partitions)
    }
}
