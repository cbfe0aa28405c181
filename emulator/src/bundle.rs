//! What the boot image is given: the manifest, the box file and the images, as one archive or as files of a medium.
//!
//! The format is that of [`partitioner::bundle`], which the boot image reads it with.

use std::borrow::Cow;
use std::io::{self, Write};

use partitioner::bundle::{BOX_FILE, BundleError, IMAGE_PREFIX, ImageSummary, MANIFEST, Manifest};

use crate::input_file::InputFile;

/// The members, in order, the manifest first.
pub struct Bundle<'a> {
    manifest: Manifest,
    members: Vec<Member<'a>>,
}

/// One member.
pub struct Member<'a> {
    /// Its name, by which the boot image finds it.
    pub name: String,
    /// What it holds.
    pub content: Content<'a>,
}

/// The content of a member: at hand, or in a file that is copied when the bundle is written.
#[derive(Clone)]
pub enum Content<'a> {
    /// These bytes.
    Bytes(Cow<'a, [u8]>),
    /// All bytes of this file.
    File(&'a InputFile),
}

impl Content<'_> {
    /// Bytes.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(file) => file.len(),
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// If a file cannot be read or has changed, or `to` cannot be written.
    pub fn write_to(&self, to: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Bytes(bytes) => to.write_all(bytes),
            Self::File(file) => file.copy_to(to),
        }
    }
}

/// An image, as it goes into a bundle.
#[derive(Clone)]
pub struct NamedImage<'a> {
    /// Its path as the box file has it.
    pub path: &'a str,
    /// What it holds.
    pub content: Content<'a>,
}

impl<'a> Bundle<'a> {
    /// The bundle of a box file and the distinct images that it names.
    ///
    /// # Errors
    /// If the path of an image cannot stand in a manifest.
    pub fn new(box_file: &'a [u8], images: &[NamedImage<'a>]) -> Result<Self, BundleError> {
        let summary = |image: &NamedImage<'_>| ImageSummary { len: image.content.len(), path: image.path.into() };
        let manifest = Manifest::new(box_file, images.iter().map(summary))?;
        let text = manifest.to_string().into_bytes();
        let mut members = vec![
            Member { name: MANIFEST.to_owned(), content: Content::Bytes(text.into()) },
            Member { name: BOX_FILE.to_owned(), content: Content::Bytes(box_file.into()) },
        ];
        let image = |image: &NamedImage<'a>| Member {
            name: format!("{IMAGE_PREFIX}{}", image.path),
            content: image.content.clone(),
        };
        members.extend(images.iter().map(image));
        Ok(Self { manifest, members })
    }

    /// What tells it from every other bundle.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The members.
    pub fn members(&self) -> &[Member<'a>] {
        &self.members
    }

    /// Writes them as a cpio archive of the *newc* kind.
    ///
    /// # Errors
    /// If `to` cannot be written to, or a member is larger than the kind allows.
    pub fn write_cpio(&self, mut to: impl Write) -> io::Result<()> {
        for (number, member) in (1..).zip(&self.members) {
            let len = u32::try_from(member.content.len())
                .map_err(|_| io::Error::other(format!("{} has more than 4 GiB", member.name)))?;
            let header = cpio::newc::Builder::new(&member.name).ino(number).nlink(1).mode(0o100_444);
            let mut entry = header.write(&mut to, len);
            member.content.write_to(&mut entry)?;
            entry.finish()?;
        }
        cpio::newc::trailer(&mut to)?;
        to.flush()
    }
}

#[cfg(test)]
mod tests {
    use partitioner::bundle::{Bundle as Opened, members_of_archive};

    use super::*;

    #[test]
    fn what_is_written_here_is_what_the_boot_image_opens() {
        let image = |path, bytes: &'static [u8]| NamedImage { path, content: Content::Bytes(bytes.into()) };
        let images = [image("k/vmlinuz", b"kernel"), image("web.img", b"")];
        let mut archive = Vec::new();
        Bundle::new(b"[box]", &images).unwrap().write_cpio(&mut archive).unwrap();
        let members = members_of_archive(&archive).unwrap();
        let opened = Opened::open(&members).unwrap();
        assert_eq!(opened.box_file, "[box]");
        let opened: Vec<_> = opened.images.iter().map(|image| (image.path, image.bytes)).collect();
        assert_eq!(opened, [("k/vmlinuz", b"kernel".as_slice()), ("web.img", b"")]);
    }

    #[test]
    fn a_path_that_would_break_the_manifest_is_refused() {
        let image = NamedImage { path: "a\nb", content: Content::Bytes(b"".into()) };
        assert!(matches!(Bundle::new(b"", &[image]), Err(BundleError::PathUnfit { .. })));
    }
}
