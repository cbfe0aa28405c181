//! The request: the box file together with the images that it names.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use toml::Spanned;

use crate::address::MemoryRange;
use crate::bzimage::{BzImage, BzImageError, HEAD_LEN};
use crate::config::{BoxFile, PartitionEntry};
use crate::diagnostic::Diagnostic;
use crate::initrd::{self, Format};
pub use error::ImageReadError;
use error::{ImageError, RejectedImageError};

mod error;

/// An image that the box file names, once, however many partitions use it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageFile {
    /// The path as the box file has it.
    pub path: String,
    /// Bytes.
    pub len: u64,
    /// Bytes that it takes unpacked, at the least; `None` if its headers do not say it, or if it is no archive.
    pub unpacked_len: Option<u64>,
    /// Where a boot loader has put it. `None` on a host that only plans.
    pub loaded: Option<MemoryRange>,
}

/// So many bytes of both ends of an image hold all that is read of it before it is booted.
pub const END_LEN: usize = HEAD_LEN;

/// An image as the caller of [`Request::gather`] hands it over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadedImage<'a> {
    /// Its first bytes: [`END_LEN`] of them, or all.
    pub head: Cow<'a, [u8]>,
    /// Its last bytes: [`END_LEN`] of them, or all.
    pub tail: Cow<'a, [u8]>,
    /// How many bytes it has.
    pub len: u64,
    /// Where a boot loader has put it. `None` on a host that only plans.
    pub loaded: Option<MemoryRange>,
}

impl<'a> LoadedImage<'a> {
    /// An image of which all bytes are in memory.
    pub fn whole(bytes: &'a [u8], loaded: Option<MemoryRange>) -> Self {
        Self { head: bytes.into(), tail: bytes.into(), len: bytes.len() as u64, loaded }
    }
}

/// The position of an [`ImageFile`] in [`Request::images`].
pub type ImageIndex = usize;

/// A partition's kernel and initial file system.
#[derive(Clone, Debug)]
pub struct PartitionImages {
    /// The file that holds the kernel.
    pub kernel: ImageIndex,
    /// The kernel's setup header.
    pub bzimage: BzImage,
    /// The file that holds the initial file system.
    pub initrd: Option<ImageIndex>,
}

/// What the owner wants of a machine.
#[derive(Clone, Debug)]
pub struct Request {
    /// The box file.
    pub file: BoxFile,
    /// The images, in the order in which the box file first names them.
    pub images: Vec<ImageFile>,
    /// For each partition of the box file, in its order.
    pub partitions: Vec<PartitionImages>,
    /// What does not stand against the images, and may surprise their owner.
    pub warnings: Vec<Diagnostic>,
}

impl Request {
    /// Puts the box file together with the images that it names. It calls `read` once for each distinct path, in the
    /// order in which the file first names them.
    ///
    /// # Errors
    /// Every image that is missing or is not what it should be, at all the places that name it.
    pub fn gather<'a>(
        file: BoxFile,
        read: impl FnMut(&str) -> Result<LoadedImage<'a>, ImageReadError>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut gathering = Gathering::new(read);
        let partitions: Vec<_> = file.partitions.iter().map(|entry| gathering.images_of(entry)).collect();
        match partitions.into_iter().collect() {
            Some(partitions) if gathering.errors.is_empty() => {
                let warnings = gathering.warnings.into_iter().map(|warning| Diagnostic::from(warning).into_warning());
                Ok(Self { file, images: gathering.images, partitions, warnings: warnings.collect() })
            }
            _ => Err(gathering.errors.into_iter().map(Diagnostic::from).collect()),
        }
    }

    /// The partitions, each with its images.
    pub fn entries(&self) -> impl Iterator<Item = (&PartitionEntry, &PartitionImages)> {
        self.file.partitions.iter().zip(&self.partitions)
    }
}

/// What has been read so far.
struct Gathering<R> {
    read: R,
    known: BTreeMap<String, Result<Known, ImageReadError>>,
    images: Vec<ImageFile>,
    errors: Vec<RejectedImageError>,
    warnings: Vec<RejectedImageError>,
}

/// An image that has been read.
#[derive(Clone)]
struct Known {
    index: ImageIndex,
    len: u64,
    bzimage: Result<BzImage, BzImageError>,
    format: Option<Format>,
    is_cut_off: bool,
}

impl<'a, R: FnMut(&str) -> Result<LoadedImage<'a>, ImageReadError>> Gathering<R> {
    fn new(read: R) -> Self {
        Self { read, known: BTreeMap::new(), images: Vec::new(), errors: Vec::new(), warnings: Vec::new() }
    }

    /// The images of a partition; `None` if one of them is refused.
    fn images_of(&mut self, entry: &PartitionEntry) -> Option<PartitionImages> {
        let kernel = self.kernel(&entry.kernel, entry);
        let initrd = entry.initrd.as_ref().map(|path| self.initrd(path, entry));
        let (kernel, bzimage) = kernel?;
        let initrd = match initrd {
            Some(index) => Some(index?),
            None => None,
        };
        Some(PartitionImages { kernel, bzimage, initrd })
    }

    fn kernel(&mut self, path: &Spanned<String>, entry: &PartitionEntry) -> Option<(ImageIndex, BzImage)> {
        let found = match self.known(path.get_ref()) {
            Ok(Known { index, bzimage: Ok(bzimage), .. }) => Ok((index, bzimage)),
            Ok(Known { bzimage: Err(error), .. }) => Err(ImageError::NoKernel(error)),
            Err(fault) => Err(ImageError::NotRead(fault)),
        };
        found.map_err(|error| self.refuse(path, entry, error)).ok()
    }

    fn initrd(&mut self, path: &Spanned<String>, entry: &PartitionEntry) -> Option<ImageIndex> {
        let found = match self.known(path.get_ref()) {
            Ok(Known { len: 0, .. }) => Err(ImageError::EmptyInitrd),
            Ok(Known { bzimage: Ok(_), .. }) => Err(ImageError::InitrdIsAKernel),
            Ok(Known { index, format, is_cut_off, .. }) => {
                let unknown = format.is_none().then_some(ImageError::UnknownFormat);
                if let Some(warning) = unknown.or(is_cut_off.then_some(ImageError::CutOff)) {
                    note(&mut self.warnings, path, entry, warning);
                }
                Ok(index)
            }
            Err(fault) => Err(ImageError::NotRead(fault)),
        };
        found.map_err(|error| self.refuse(path, entry, error)).ok()
    }

    fn known(&mut self, path: &str) -> Result<Known, ImageReadError> {
        if let Some(known) = self.known.get(path) {
            return known.clone();
        }
        let known = (self.read)(path).map(|LoadedImage { head, tail, len, loaded }| {
            let format = Format::of(&head);
            let unpacked_len = format.and_then(|format| initrd::unpacked_len(format, &head, &tail, len));
            let is_cut_off = format.is_some_and(|format| initrd::is_cut_off(format, &tail));
            self.images.push(ImageFile { path: path.into(), len, unpacked_len, loaded });
            Known { index: self.images.len() - 1, len, bzimage: BzImage::parse_head(&head, len), format, is_cut_off }
        });
        self.known.insert(path.into(), known.clone());
        known
    }

    fn refuse(&mut self, path: &Spanned<String>, entry: &PartitionEntry, error: ImageError) {
        note(&mut self.errors, path, entry, error);
    }
}

/// One error for each image, with all the places that name it.
fn note(known: &mut Vec<RejectedImageError>, path: &Spanned<String>, entry: &PartitionEntry, error: ImageError) {
    let name = path.get_ref();
    match known.iter_mut().find(|known| known.path == *name && known.error == error) {
        Some(known) => known.also_named(path, entry),
        None => known.push(RejectedImageError::new(path, entry, error)),
    }
}

#[cfg(test)]
mod tests;
