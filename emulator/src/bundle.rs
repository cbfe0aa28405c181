//! What the boot image is given: the manifest, the box file and the images, as one archive or as files of a medium.
//!
//! The format is that of [`partitioner::bundle`], which the boot image reads it with.

use std::borrow::Cow;
use std::io::{self, Write};

use partitioner::bundle::{BOX_FILE, BundleError, IMAGE_PREFIX, ImageSummary, MANIFEST, Manifest};

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
    pub bytes: Cow<'a, [u8]>,
}

/// An image, as it goes into a bundle.
#[derive(Clone, Copy)]
pub struct NamedImage<'a> {
    /// Its path as the box file has it.
    pub path: &'a str,
    /// What it holds.
    pub bytes: &'a [u8],
}

impl<'a> Bundle<'a> {
    /// The bundle of a box file and the distinct images that it names.
    ///
    /// # Errors
    /// If the path of an image cannot stand in a manifest.
    pub fn new(box_file: &'a [u8], images: &[NamedImage<'a>]) -> Result<Self, BundleError> {
        let summary = |image: &NamedImage<'_>| ImageSummary { len: image.bytes.len() as u64, path: image.path.into() };
        let manifest = Manifest::new(box_file, images.iter().map(summary))?;
        let text = manifest.to_string().into_bytes();
        let mut members = vec![
            Member { name: MANIFEST.to_owned(), bytes: text.into() },
            Member { name: BOX_FILE.to_owned(), bytes: box_file.into() },
        ];
        let image = |image: &NamedImage<'a>| Member {
            name: format!("{IMAGE_PREFIX}{}", image.path),
            bytes: image.bytes.into(),
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
            let len = u32::try_from(member.bytes.len())
                .map_err(|_| io::Error::other(format!("{} has more than 4 GiB", member.name)))?;
            let header = cpio::newc::Builder::new(&member.name).ino(number).nlink(1).mode(0o100_444);
            let mut entry = header.write(&mut to, len);
            entry.write_all(&member.bytes)?;
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
        let images = [NamedImage { path: "k/vmlinuz", bytes: b"kernel" }, NamedImage { path: "web.img", bytes: b"" }];
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
        let image = NamedImage { path: "a\nb", bytes: b"" };
        assert!(matches!(Bundle::new(b"", &[image]), Err(BundleError::PathUnfit { .. })));
    }
}
