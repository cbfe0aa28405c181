//! What is wanted: the box file together with the images that it names.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::address::MemoryRange;
use crate::bzimage::BzImage;
use crate::config::{BoxFile, PartitionEntry};
use crate::diagnostic::Diagnostic;

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

/// An image as whoever reads the files hands it over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadedImage<'a> {
    /// What is in it.
    pub bytes: Cow<'a, [u8]>,
    /// Where a boot loader has put it. `None` on a host that only plans.
    pub loaded: Option<MemoryRange>,
}

/// Why an image could not be handed over.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ImageFault {
    /// There is none of that name.
    #[error("there is no {looked_at}")]
    Missing {
        /// Where it was looked for: a file's full path, a member of the bundle.
        looked_at: String,
    },
    /// It is there, but cannot be read.
    #[error("{reason}")]
    Unreadable {
        /// As the operating system told.
        reason: String,
    },
    /// It is not the one that was there when the boot medium was made.
    #[error("it has {found} bytes, and {expected} when the boot medium was made")]
    Changed {
        /// Bytes that the manifest tells.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
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
    /// Puts the box file together with the images that it names. `read` is asked once for each distinct path, in the
    /// order in which the file first names them.
    ///
    /// # Errors
    /// Every image that is missing or is not what it should be, at all the places that name it.
    pub fn gather<'a>(
        file: BoxFile,
        read: impl FnMut(&str) -> Result<LoadedImage<'a>, ImageFault>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let _ = (file, read);
        todo!()
    }

    /// The partitions, each with its images.
    pub fn entries(&self) -> impl Iterator<Item = (&PartitionEntry, &PartitionImages)> {
        self.file.partitions.iter().zip(&self.partitions)
    }
}
