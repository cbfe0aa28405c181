//! Initial RAM disks with further files: kernels unpack one archive after the other.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use cpio::newc;

use crate::fixture::{self, KERNELS, release};

/// A file or a folder of an initial RAM disk.
pub struct Entry {
    name: String,
    mode: u32,
    content: Vec<u8>,
}

impl Entry {
    /// A folder.
    pub fn folder(name: &str) -> Self {
        Self { name: name.to_owned(), mode: 0o040_755, content: Vec::new() }
    }

    /// A file.
    pub fn file(name: &str, content: Vec<u8>) -> Self {
        Self { name: name.to_owned(), mode: 0o100_644, content }
    }

    /// A program.
    pub fn program(name: &str, content: Vec<u8>) -> Self {
        Self { name: name.to_owned(), mode: 0o100_755, content }
    }
}

/// The initial RAM disk `base`, followed by an archive of these.
///
/// # Panics
/// If there is no `base`.
pub fn extend(base: &Path, entries: impl IntoIterator<Item = Entry>) -> Vec<u8> {
    let mut bytes = fs::read(base).unwrap_or_else(|error| panic!("{}: {error}", base.display()));
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    let archive = entries.into_iter().fold(Vec::new(), |archive, entry| {
        let length = u32::try_from(entry.content.len()).expect("a short file");
        let mut writer = newc::Builder::new(&entry.name).mode(entry.mode).nlink(1).write(archive, length);
        writer.write_all(&entry.content).expect("an archive in memory");
        writer.finish().expect("an archive in memory")
    });
    bytes.extend(newc::trailer(archive).expect("an archive in memory"));
    bytes
}

/// The drivers of all lines, as `drivers/<release>.ko`.
///
/// # Panics
/// If one was not built, or there is no `strip`.
pub fn drivers() -> impl Iterator<Item = Entry> {
    let driver = |line: &str| Entry::file(&format!("drivers/{}.ko", release(line)), stripped(&fixture::driver(line)));
    [Entry::folder("drivers")].into_iter().chain(KERNELS.map(driver))
}

/// A module without what only debuggers read, nine tenths of it: a crash kernel has little memory.
fn stripped(module: &Path) -> Vec<u8> {
    let into = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    let strip = Command::new("strip").arg("--strip-debug").arg("-o").arg(into.path()).arg(module).output();
    let strip = strip.unwrap_or_else(|error| panic!("strip: {error}"));
    assert!(strip.status.success(), "strip {}: {}", module.display(), String::from_utf8_lossy(&strip.stderr));
    fs::read(into.path()).expect("it was just written")
}
