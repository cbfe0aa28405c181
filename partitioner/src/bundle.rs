//! The input of the boot image: the box file, the images that it names, and a manifest of them as they were when the
//! bundle was made.
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
mod error;
mod layout;
mod manifest;

use alloc::vec::Vec;

pub(crate) use archive::MAGIC as NEWC;
pub use archive::members_of_archive;
pub use error::BundleError;
pub use layout::{BOX_FILE, IMAGE_PREFIX, MANIFEST, Member};
pub use manifest::{BoxSummary, ImageSummary, Manifest};

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

impl<'a> Bundle<'a> {
    /// The bundle that the members make, if they are all there and unchanged. Members that the manifest does not
    /// name are ignored.
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
