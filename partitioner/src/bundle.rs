//! What the boot image is given: the box file, the images that it names, and a manifest that says which they were when
//! the bundle was made.
//!
//! A bundle is a list of [`Member`]s. They come as one cpio archive (`qemu -initrd`), or as one module each (GRUB's
//! `module2`, whose command line is the member's name):
//!
//! | name | bytes |
//! |---|---|
//! | `manifest` | a [`Manifest`] as text |
//! | `box.toml` | the box file, byte for byte |
//! | `image:PATH` | an image, for each distinct PATH of the box file |

mod archive;
mod manifest;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::diagnostic::Diagnostic;

pub use archive::members_of_archive;
pub use manifest::{BoxSummary, ImageSummary, Manifest};

/// The member that holds the manifest.
pub const MANIFEST: &str = "manifest";
/// The member that holds the box file.
pub const BOX_FILE: &str = "box.toml";
/// What stands before an image's path in the name of its member.
pub const IMAGE_PREFIX: &str = "image:";

/// A named piece of a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it holds.
    pub bytes: &'a [u8],
}

/// An image of a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BundledImage<'a> {
    /// Its path as the box file has it.
    pub path: &'a str,
    /// What it holds.
    pub bytes: &'a [u8],
}

/// A bundle that is whole: having one means that the box file is the one of which the bundle was made, and that every
/// image of it is there with all its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bundle<'a> {
    /// The box file.
    pub box_file: &'a str,
    /// The images in the order of the manifest.
    pub images: Vec<BundledImage<'a>>,
}

/// Why a bundle is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BundleError {
    /// Neither an archive nor anything like it.
    #[error("the archive is damaged at byte {offset} of {len}")]
    ArchiveDamaged {
        /// Where the entry starts that makes no sense.
        offset: usize,
        /// Bytes of the archive.
        len: usize,
    },
    /// A member has a name, or a path has characters, that the format cannot hold.
    #[error("the path {path:?} cannot stand in a manifest")]
    PathUnfit {
        /// Which.
        path: String,
    },
    /// No manifest.
    #[error("the bundle has no member named \"{MANIFEST}\"")]
    ManifestMissing,
    /// A manifest that cannot be read.
    #[error("line {line} of the bundle's manifest is {found:?}, where {expected} is expected")]
    ManifestDamaged {
        /// Counted from 1.
        line: usize,
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// No box file.
    #[error("the bundle has no member named \"{BOX_FILE}\"")]
    BoxFileMissing,
    /// Another box file than the manifest's.
    #[error(
        "the box file has {} bytes and checksum {:08x}, but the bundle was made of one with {} bytes and {:08x}",
        .found.len, .found.crc32, .made_of.len, .made_of.crc32
    )]
    BoxFileChanged {
        /// What is there.
        found: BoxSummary,
        /// What the manifest says.
        made_of: BoxSummary,
    },
    /// A box file that is not text.
    #[error("the box file is not UTF-8 text: byte {offset} is not part of any character")]
    BoxFileNotText {
        /// Where.
        offset: usize,
    },
    /// No such image.
    #[error("the image \"{path}\" ({len} bytes) is missing from the bundle")]
    ImageMissing {
        /// Which.
        path: String,
        /// Bytes it should have.
        len: u64,
    },
    /// An image that ends too early.
    #[error("the image \"{path}\" has {found} bytes, but had {made_of} when the bundle was made")]
    ImageTruncated {
        /// Which.
        path: String,
        /// Bytes it has.
        found: u64,
        /// Bytes it should have.
        made_of: u64,
    },
    /// An image that has more bytes than it should.
    #[error("the image \"{path}\" has {found} bytes, but had {made_of} when the bundle was made")]
    ImageChanged {
        /// Which.
        path: String,
        /// Bytes it has.
        found: u64,
        /// Bytes it should have.
        made_of: u64,
    },
}

impl BundleError {
    /// The stable code of the refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ArchiveDamaged { .. } => "archive-damaged",
            Self::PathUnfit { .. } => "path-unfit",
            Self::ManifestMissing => "manifest-missing",
            Self::ManifestDamaged { .. } => "manifest-damaged",
            Self::BoxFileMissing => "box-file-missing",
            Self::BoxFileChanged { .. } => "box-file-changed",
            Self::BoxFileNotText { .. } => "box-file-not-text",
            Self::ImageMissing { .. } => "image-missing",
            Self::ImageTruncated { .. } => "image-truncated",
            Self::ImageChanged { .. } => "image-changed",
        }
    }
}

impl From<&BundleError> for Diagnostic {
    fn from(error: &BundleError) -> Self {
        let help = match error {
            BundleError::PathUnfit { .. } => "rename the file: no line breaks, and no zero byte",
            BundleError::ManifestMissing => "make the bundle with `sprig image`, and give it whole to the boot loader",
            BundleError::BoxFileChanged { .. } => {
                "make the bundle again with `sprig image` after changing the box file"
            }
            _ => "make the bundle again with `sprig image`",
        };
        Self { code: error.code(), message: format!("{error}"), places: Vec::new(), help: help.into() }
    }
}

impl<'a> Bundle<'a> {
    /// The bundle that the members make, if they are all there and unchanged. Members that the manifest does not know
    /// are of no concern.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn open(members: &[Member<'a>]) -> Result<Self, BundleError> {
        let manifest = Manifest::parse(find(members, MANIFEST).ok_or(BundleError::ManifestMissing)?)?;
        let box_file = open_box_file(members, manifest.box_file)?;
        let images = manifest.images.iter().map(|image| open_image(members, image)).collect::<Result<_, _>>()?;
        Ok(Self { box_file, images })
    }
}

fn find<'a>(members: &[Member<'a>], name: &str) -> Option<&'a [u8]> {
    members.iter().find(|member| member.name == name).map(|member| member.bytes)
}

fn open_box_file<'a>(members: &[Member<'a>], made_of: BoxSummary) -> Result<&'a str, BundleError> {
    let bytes = find(members, BOX_FILE).ok_or(BundleError::BoxFileMissing)?;
    let found = BoxSummary::of(bytes);
    if found != made_of {
        return Err(BundleError::BoxFileChanged { found, made_of });
    }
    str::from_utf8(bytes).map_err(|error| BundleError::BoxFileNotText { offset: error.valid_up_to() })
}

fn open_image<'a>(members: &[Member<'a>], summary: &ImageSummary) -> Result<BundledImage<'a>, BundleError> {
    let member = members.iter().find(|member| member.name.strip_prefix(IMAGE_PREFIX) == Some(&summary.path));
    let path = summary.path.clone();
    let Some(member) = member else { return Err(BundleError::ImageMissing { path, len: summary.len }) };
    let (found, made_of) = (member.bytes.len() as u64, summary.len);
    match found.cmp(&made_of) {
        core::cmp::Ordering::Less => Err(BundleError::ImageTruncated { path, found, made_of }),
        core::cmp::Ordering::Greater => Err(BundleError::ImageChanged { path, found, made_of }),
        core::cmp::Ordering::Equal => {
            Ok(BundledImage { path: &member.name[IMAGE_PREFIX.len()..], bytes: member.bytes })
        }
    }
}

#[cfg(test)]
mod tests;
