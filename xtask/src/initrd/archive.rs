//! A tree of files. It becomes a *newc* cpio archive as the kernel reads it (Linux
//! `Documentation/driver-api/early-userspace/buffer-format.rst`), with the same bytes for the same contents. Or it is
//! written over a folder, as [`crate::disk`] does.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anyhow::{Context, Result, bail};
use cpio::newc;

const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const CHARACTER_DEVICE: u32 = 0o020_000;
const PERMISSIONS: u32 = 0o7_777;

/// The permissions of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// Everybody may read it; the owner may write it.
    Data,
    /// The same, and everybody may run it.
    Program,
    /// Only the owner may read and write it.
    Secret,
}

/// A tree that is being filled: a later entry replaces an earlier one with the same path. Paths have no slash at either
/// end.
#[derive(Default, Hash)]
pub(crate) struct Tree {
    /// A folder sorts before its entries, as the kernel needs it.
    entries: BTreeMap<String, Entry>,
}

#[derive(Hash)]
struct Entry {
    mode: u32,
    device: (u32, u32),
    content: Vec<u8>,
}

impl Tree {
    /// Adds a folder that everybody may read, and its parents.
    pub(super) fn folder(&mut self, path: &str) {
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        for end in ends {
            let folder = Entry { mode: FOLDER | 0o755, device: (0, 0), content: Vec::new() };
            self.entries.entry(path[..end].to_owned()).or_insert(folder);
        }
    }

    /// Adds a folder that only its owner may read.
    pub(crate) fn secret_folder(&mut self, path: &str) {
        self.put(path, FOLDER | 0o700, Vec::new());
    }

    pub(crate) fn file(&mut self, path: &str, access: Access, content: Vec<u8>) {
        let permissions = match access {
            Access::Data => 0o644,
            Access::Program => 0o755,
            Access::Secret => 0o600,
        };
        self.put(path, FILE | permissions, content);
    }

    pub(super) fn link(&mut self, path: &str, target: &str) {
        self.put(path, LINK | 0o777, target.into());
    }

    pub(super) fn character_device(&mut self, path: &str, major: u32, minor: u32) {
        self.put(path, CHARACTER_DEVICE | 0o600, Vec::new());
        self.entries.entry(path.to_owned()).and_modify(|entry| entry.device = (major, minor));
    }

    /// Adds the contents of a folder of the host, without the file `stamp`.
    pub(crate) fn copy(&mut self, host: &Path, path: &str) -> Result<()> {
        let unreadable = || format!("cannot read {}", host.display());
        for entry in fs::read_dir(host).with_context(unreadable)? {
            let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
            let name = name.to_str().with_context(unreadable)?;
            if name == "stamp" {
                continue;
            }
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            let metadata = fs::symlink_metadata(&entry)?;
            if metadata.is_dir() {
                self.copy(&entry, &path)?;
            } else if metadata.is_symlink() {
                self.link(&path, &fs::read_link(&entry)?.to_string_lossy());
            } else {
                let is_program = metadata.permissions().mode() & 0o100 != 0;
                let access = if is_program { Access::Program } else { Access::Data };
                self.file(&path, access, fs::read(&entry).with_context(|| format!("cannot read {}", entry.display()))?);
            }
        }
        Ok(())
    }

    /// The archive's bytes. Owners and times, which could differ from build to build, are zero.
    pub(super) fn into_archive(self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for (number, (path, entry)) in (1..).zip(self.entries) {
            let (major, minor) = entry.device;
            let header = newc::Builder::new(&path).ino(number).mode(entry.mode).nlink(1);
            let length = u32::try_from(entry.content.len()).map_err(io::Error::other)?;
            let mut writer = header.rdev_major(major).rdev_minor(minor).write(&mut bytes, length);
            writer.write_all(&entry.content)?;
            writer.finish()?;
        }
        newc::trailer(bytes)
    }

    /// Writes all entries below a folder of the host, in place of those with the same path. Follows the folder's own
    /// links to folders.
    pub(crate) fn write_below(&self, root: &Path) -> Result<()> {
        for (path, entry) in &self.entries {
            let place = root.join(path);
            entry.write(&place).with_context(|| format!("cannot write {}", place.display()))?;
        }
        Ok(())
    }

    fn put(&mut self, path: &str, mode: u32, content: Vec<u8>) {
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.folder(folder);
        }
        self.entries.insert(path.to_owned(), Entry { mode, device: (0, 0), content });
    }
}

impl Entry {
    fn write(&self, place: &Path) -> Result<()> {
        let kind = self.mode & !PERMISSIONS;
        if kind == FOLDER && place.is_dir() {
            return Ok(());
        }
        match fs::remove_file(place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        match kind {
            FOLDER => fs::create_dir(place)?,
            FILE => fs::write(place, &self.content)?,
            LINK => return Ok(symlink(OsStr::from_bytes(&self.content), place)?),
            _ => bail!("only the kernel can make an entry of this kind"),
        }
        Ok(fs::set_permissions(place, fs::Permissions::from_mode(self.mode & PERMISSIONS))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(archive: &[u8]) -> Vec<(String, u32, u32)> {
        let (mut rest, mut found) = (archive, Vec::new());
        loop {
            let reader = newc::Reader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                return found;
            }
            let entry = reader.entry();
            found.push((entry.name().to_owned(), entry.mode(), entry.file_size()));
            rest = reader.finish().unwrap();
        }
    }

    #[test]
    fn folders_come_before_their_entries_and_keep_their_permissions() {
        let mut tree = Tree::default();
        tree.file("root/.ssh/id", Access::Secret, b"key".to_vec());
        tree.secret_folder("root/.ssh");
        tree.character_device("dev/console", 5, 1);
        tree.link("bin/sh", "busybox");
        tree.file("init", Access::Program, b"#!/bin/sh\n".to_vec());
        let expected = [
            ("bin", 0o040_755, 0),
            ("bin/sh", 0o120_777, 7),
            ("dev", 0o040_755, 0),
            ("dev/console", 0o020_600, 0),
            ("init", 0o100_755, 10),
            ("root", 0o040_755, 0),
            ("root/.ssh", 0o040_700, 0),
            ("root/.ssh/id", 0o100_600, 3),
        ];
        let expected = expected.map(|(name, mode, length)| (name.to_owned(), mode, length));
        assert_eq!(entries(&tree.into_archive().unwrap()), expected);
    }

    #[test]
    fn a_tree_is_written_over_a_folder_and_breaks_its_hard_links() {
        let scratch = tempfile::tempdir().unwrap();
        let (first, second) = (scratch.path().join("first"), scratch.path().join("second"));
        for folder in [&first, &second] {
            fs::create_dir_all(folder.join("usr/bin")).unwrap();
            symlink("usr/bin", folder.join("bin")).unwrap();
        }
        fs::write(first.join("usr/bin/run"), "old").unwrap();
        fs::hard_link(first.join("usr/bin/run"), second.join("usr/bin/run")).unwrap();
        let mut tree = Tree::default();
        tree.file("bin/run", Access::Program, b"new".to_vec());
        tree.secret_folder("root/.ssh");
        tree.link("usr/bin/go", "run");
        tree.write_below(&second).unwrap();
        let mode = |path: &str| fs::metadata(second.join(path)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(fs::read_to_string(first.join("usr/bin/run")).unwrap(), "old");
        assert_eq!(fs::read_to_string(second.join("usr/bin/go")).unwrap(), "new");
        assert_eq!((mode("usr/bin/run"), mode("root/.ssh")), (0o755, 0o700));
    }

    #[test]
    fn a_folder_of_the_host_is_copied_without_its_stamp() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::write(folder.path().join("bin/run"), "x").unwrap();
        fs::set_permissions(folder.path().join("bin/run"), fs::Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::symlink("run", folder.path().join("bin/go")).unwrap();
        fs::write(folder.path().join("stamp"), "recipe").unwrap();
        let mut tree = Tree::default();
        tree.copy(folder.path(), "usr").unwrap();
        let names: Vec<(String, u32)> =
            entries(&tree.into_archive().unwrap()).into_iter().map(|(name, mode, _)| (name, mode & 0o777)).collect();
        let expected = [("usr", 0o755), ("usr/bin", 0o755), ("usr/bin/go", 0o777), ("usr/bin/run", 0o755)];
        assert_eq!(names, expected.map(|(name, mode)| (name.to_owned(), mode)));
    }
}
