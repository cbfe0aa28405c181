//! A Debian package of a tree of files, by `dpkg-deb`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use regex::bytes::Regex;

use super::manual::compressed;
use super::times::Epoch;
use crate::process;

/// The version of every package.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
const MAINTAINER: &str = "The Sprig developers <developers@sprig.example>";
/// The oldest C library with which Rust's programs run.
const OLDEST_LIBC: (u32, u32) = (2, 17);

/// A package, but for its files.
pub(crate) struct Deb<'a> {
    pub(crate) name: &'a str,
    pub(crate) section: &'a str,
    pub(crate) depends: &'a str,
    /// Further lines of the control file, each with its end.
    pub(crate) further: &'a str,
    pub(crate) summary: &'a str,
    /// Lines of at most 80 characters.
    pub(crate) description: &'a str,
    /// What runs when it is installed or removed: name and text.
    pub(crate) scripts: Vec<(&'a str, String)>,
}

/// Whether this host has what packages are made with.
pub(crate) fn can_be_made() -> bool {
    process::output(Command::new("dpkg-deb").arg("--version"), process::QUICK).is_ok()
}

impl Deb<'_> {
    /// Packs the tree, and returns the package in `folder`.
    pub(crate) fn pack(&self, tree: &Path, folder: &Path, epoch: Epoch) -> Result<PathBuf> {
        set_modes(tree)?;
        let control = tree.join("DEBIAN");
        fs::create_dir(&control)?;
        fs::write(control.join("control"), self.control(kib(tree)?))?;
        for (name, text) in &self.scripts {
            fs::write(control.join(name), text)?;
            fs::set_permissions(control.join(name), fs::Permissions::from_mode(0o755))?;
        }
        let package = folder.join(format!("{}_{VERSION}_amd64.deb", self.name));
        let mut build = Command::new("dpkg-deb");
        build.args(["--root-owner-group", "-Zxz", "--build"]).arg(tree).arg(&package);
        process::output(epoch.set_for(&mut build), process::QUICK)?;
        Ok(package)
    }

    fn control(&self, kib: u64) -> String {
        let Deb { name, section, depends, further, summary, .. } = self;
        let description = self.description.replace('\n', "\n ");
        format!(
            "Package: {name}\n\
             Version: {VERSION}\n\
             Architecture: amd64\n\
             Section: {section}\n\
             Priority: optional\n\
             Maintainer: {MAINTAINER}\n\
             Installed-Size: {kib}\n\
             Depends: {depends}\n\
             {further}\
             Description: {summary}\n {description}\n"
        )
    }
}

/// Copyright, changelog and lintian's overrides, where Debian has them.
pub(crate) fn document(tree: &Path, name: &str, overrides: &str, epoch: Epoch) -> Result<()> {
    let documents = tree.join("usr/share/doc").join(name);
    fs::create_dir_all(&documents)?;
    fs::write(documents.join("copyright"), COPYRIGHT)?;
    let changelog = documents.join("changelog");
    let text = format!(
        "{name} ({VERSION}) unstable; urgency=medium\n\n  * Version {VERSION}.\n\n -- {MAINTAINER}  {}\n",
        epoch.in_words()?
    );
    fs::write(&changelog, text)?;
    compressed(&changelog)?;
    if !overrides.is_empty() {
        let folder = tree.join("usr/share/lintian/overrides");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), overrides)?;
    }
    Ok(())
}

/// The libraries that a program needs: the C library of the newest symbol that it names, and that which unwinds panics.
pub(crate) fn libraries(program: &Path) -> Result<String> {
    let bytes = fs::read(program).with_context(|| format!("there is no {}", program.display()))?;
    let version = Regex::new(r"GLIBC_([0-9]+)\.([0-9]+)").context("a pattern")?;
    let number = |bytes: &[u8]| String::from_utf8_lossy(bytes).parse::<u32>().unwrap_or(0);
    let versions = version.captures_iter(&bytes).map(|found| (number(&found[1]), number(&found[2])));
    let (major, minor) = versions.max().unwrap_or(OLDEST_LIBC);
    Ok(format!("libc6 (>= {major}.{minor}), libgcc-s1"))
}

/// Folders and files as packages have them, whatever this user's mask is. Programs stay programs.
pub(super) fn set_modes(folder: &Path) -> Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(folder)? {
        let (path, metadata) = {
            let entry = entry?;
            (entry.path(), entry.metadata()?)
        };
        if metadata.is_dir() {
            set_modes(&path)?;
        } else if metadata.is_file() {
            let mode = if metadata.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        }
    }
    Ok(())
}

/// What the files take, in KiB, each rounded up.
fn kib(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        sum += if entry.metadata()?.is_dir() { kib(&entry.path())? } else { entry.metadata()?.len().div_ceil(1024) };
    }
    Ok(sum)
}

const COPYRIGHT: &str = "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Sprig
Source: the source tree that this package was made of

Files: *
Copyright: 2026 The Sprig contributors
License: Expat or Apache-2.0

Files: guest-driver/*
Copyright: 2026 The Sprig contributors
License: Expat or Apache-2.0 or GPL-2

License: Expat
 Permission is hereby granted, free of charge, to any person obtaining a copy
 of this software and associated documentation files (the \"Software\"), to deal
 in the Software without restriction, including without limitation the rights
 to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
 copies of the Software, and to permit persons to whom the Software is
 furnished to do so, subject to the following conditions:
 .
 The above copyright notice and this permission notice shall be included in all
 copies or substantial portions of the Software.
 .
 THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
 OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
 SOFTWARE.

License: Apache-2.0
 On Debian systems, the text of the Apache License, version 2.0, is in the file
 /usr/share/common-licenses/Apache-2.0.

License: GPL-2
 On Debian systems, the text of the GNU General Public License, version 2, is in
 the file /usr/share/common-licenses/GPL-2.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_those_of_packages_whatever_the_mask_was() {
        let tree = tempfile::tempdir().unwrap();
        let at = |name: &str| tree.path().join(name);
        fs::create_dir(at("bin")).unwrap();
        for (name, before) in [("bin/program", 0o700), ("data", 0o666), ("bin", 0o775), ("", 0o700)] {
            if !at(name).exists() {
                fs::write(at(name), "").unwrap();
            }
            fs::set_permissions(at(name), fs::Permissions::from_mode(before)).unwrap();
        }
        set_modes(tree.path()).unwrap();
        let mode = |name: &str| fs::metadata(at(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(["bin/program", "data", "bin", ""].map(mode), [0o755, 0o644, 0o755, 0o755]);
    }
}
