//! `kbuild/`: a minimal Debian in which modules for stock kernels are built. It is unpacked and not installed.
//!
//! One root serves all lines: trixie's gcc builds for the older kernels too, and the newer kernels' own tools need
//! trixie's C library. [`super::headers`] adds headers to it, line by line.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::Result;

use super::apt::{self, Apt, Package, Suite};
use super::cache::BuildCache;
use crate::module_root::FOLDER;
use crate::progress::{self, Step};

const LABEL: &str = "module tools";
const RECIPE: &str = "recipe 1\n";
const SUITE: Suite = Suite::Trixie;

/// Packages that Kbuild and DKMS need. pahole makes the type information that newer kernels expect in modules.
const TOOLS: [&str; 14] = [
    "bash",
    "binutils",
    "coreutils",
    "dash",
    "diffutils",
    "findutils",
    "gcc-14",
    "grep",
    "kmod",
    "make",
    "mawk",
    "pahole",
    "sed",
    "tar",
];
/// A package that is taken without its dependencies: these are the packages above, and others for making packages.
const DKMS: &str = "dkms";
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

/// Makes the root available.
pub(super) fn make(cache: &BuildCache, apt: &mut Apt) -> Result<()> {
    if cache.stamp(FOLDER).is_some_and(|stamp| stamp.starts_with(RECIPE)) {
        progress::ready(LABEL, "gcc, make and DKMS, unpacked");
        return Ok(());
    }
    let step = Step::start(LABEL, "looking for gcc and what it needs");
    let mut packages = apt.closure(SUITE, &TOOLS, &step)?;
    packages.retain(|package| !LEFT_OUT.iter().any(|name| package.name.starts_with(name)));
    packages.push(apt.show(SUITE, DKMS, &step)?);
    let from: String = packages.iter().map(|package| format!("from {} {}\n", package.name, package.version)).collect();
    cache.make(FOLDER, &format!("{RECIPE}{from}"), |folder| unpack(cache, apt, &packages, folder, &step))?;
    step.done(&format!("{} packages of Debian's {}, unpacked", packages.len(), SUITE.name()));
    Ok(())
}

fn unpack(cache: &BuildCache, apt: &mut Apt, packages: &[Package], folder: &Path, step: &Step) -> Result<()> {
    for name in ["dev", "proc", "usr/bin", "usr/lib", "usr/lib64", "usr/sbin", "usr/src"] {
        fs::create_dir_all(folder.join(name))?;
    }
    for (name, target) in LINKS {
        symlink(target, folder.join(name))?;
    }
    let scratch = cache.scratch(FOLDER)?;
    let files = apt.download_all(SUITE, packages, scratch.path(), step)?;
    for (number, file) in files.iter().enumerate() {
        step.doing(&format!("unpacking {} of {} packages", number + 1, files.len()));
        apt::unpack_all(file, folder)?;
    }
    Ok(())
}
