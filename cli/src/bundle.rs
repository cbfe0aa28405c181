//! What the boot image is given: the manifest, the box file and the images, as one archive or as files of a medium.

use std::io::{self, Write};

/// The members, in order. The manifest comes first.
pub struct Bundle<'a> {
    members: Vec<Member<'a>>,
}

/// One member.
pub struct Member<'a> {
    /// Its name, by which the boot image finds it.
    pub name: String,
    /// What it holds.
    pub bytes: std::borrow::Cow<'a, [u8]>,
}

impl<'a> Bundle<'a> {
    /// The bundle of a box file and of the images that it names, each with the path as written there.
    pub fn new(box_file: &'a [u8], images: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let images: Vec<_> = images.into_iter().collect();
        let mut manifest = format!("sprig-bundle 1\nbox {} {:08x}\n", box_file.len(), crc32fast::hash(box_file));
        for (path, bytes) in &images {
            manifest += &format!("image {} {path}\n", bytes.len());
        }
        let mut members = vec![
            Member { name: "manifest".to_owned(), bytes: manifest.into_bytes().into() },
            Member { name: "box.toml".to_owned(), bytes: box_file.into() },
        ];
        members.extend(
            images.into_iter().map(|(path, bytes)| Member { name: format!("image:{path}"), bytes: bytes.into() }),
        );
        Self { members }
    }

    /// The manifest, which tells a bundle from every other.
    pub fn manifest(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.members[0].bytes)
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
            let length = u32::try_from(member.bytes.len())
                .map_err(|_| io::Error::other(format!("{} is larger than 4 GiB", member.name)))?;
            let header = cpio::newc::Builder::new(&member.name).ino(number).nlink(1).mode(0o100_444);
            let mut entry = header.write(&mut to, length);
            entry.write_all(&member.bytes)?;
            entry.finish()?;
        }
        cpio::newc::trailer(&mut to)?;
        to.flush()
    }
}
