//! A Debian in a folder with a compiler in it: unpacked and not installed, to be entered by chroot
//! ([`crate::module_root`]).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::Result;

use super::apt::{self, Apt, Package, Suite};
use super::cache::BuildCache;
use crate::progress::Step;

/// Prefixes of libraries of gcc and binutils that no kernel uses.
const LEFT_OUT: [&str; 11] = [
    "libasan",
    "libatomic",
    "libcc1",
    "libgomp",
    "libgprofng",
    "libhwasan",
    "libitm",
    "liblsan",
    "libquadmath",
    "libtsan",
    "libubsan",
];

/// Links that the installation scripts of Debian's packages would make.
const LINKS: [(&str, &str); 6] = [
    ("bin", "usr/bin"),
    ("sbin", "usr/sbin"),
    ("lib", "usr/lib"),
    ("lib64", "usr/lib64"),
    ("usr/bin/awk", "mawk"),
    ("usr/bin/gcc", "gcc-14"),
];

const FOLDERS: [&str; 9] = ["dev", "headers", "proc", "tmp", "usr/bin", "usr/lib", "usr/lib64", "usr/sbin", "usr/src"];

/// The packages of these names and all that they need, without what no kernel uses.
pub(super) fn packages(apt: &mut Apt, suite: Suite, names: &[&str], step: &Step) -> Result<Vec<Package>> {
    let mut packages = apt.closure(suite, names, step)?;
    packages.retain(|package| !LEFT_OUT.iter().any(|name| package.name.starts_with(name)));
    Ok(packages)
}

/// The stamp of a root of these packages.
pub(super) fn stamp(recipe: &str, packages: &[Package]) -> String {
    let from = packages.iter().map(|package| format!("from {} {}\n", package.name, package.version));
    from.fold(recipe.to_owned(), |stamp, line| stamp + &line)
}

/// Unpacks these packages into `folder`, which is empty.
pub(super) fn fill(
    cache: &BuildCache,
    apt: &mut Apt,
    suite: Suite,
    packages: &[Package],
    folder: &Path,
    step: &Step,
) -> Result<()> {
    for name in FOLDERS {
        fs::create_dir_all(folder.join(name))?;
    }
    for (name, target) in LINKS {
        symlink(target, folder.join(name))?;
    }
    let scratch = cache.scratch("packages")?;
    let files = apt.download_all(suite, packages, scratch.path(), step)?;
    for (number, file) in files.iter().enumerate() {
        step.doing(&format!("unpacking {} of {} packages", number + 1, files.len()));
        apt::unpack_all(file, folder)?;
    }
    Ok(())
}
