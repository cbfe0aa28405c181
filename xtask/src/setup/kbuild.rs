//! `kbuild/`: a minimal Debian in which modules for stock kernels are built. It is unpacked and not installed.
//!
//! One root serves all lines: trixie's gcc builds for the older kernels too, and the newer kernels' own tools need
//! trixie's C library. [`super::headers`] adds headers to it, line by line.

use anyhow::Result;

use super::apt::{Apt, Suite};
use super::cache::BuildCache;
use super::unpacked_root;
use crate::module_root::FOLDER;
use crate::progress::{self, Step};

const LABEL: &str = "module tools";
const RECIPE: &str = "recipe 1\n";
const SUITE: Suite = Suite::Trixie;

/// Packages that Kbuild and DKMS need. pahole makes the type information that newer kernels expect in modules.
pub(super) const TOOLS: [&str; 14] = [
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
/// Makes the root available.
pub(super) fn make(cache: &BuildCache, apt: &mut Apt) -> Result<()> {
    if cache.stamp(FOLDER).is_some_and(|stamp| stamp.starts_with(RECIPE)) {
        progress::ready(LABEL, "gcc, make and DKMS, unpacked");
        return Ok(());
    }
    let step = Step::start(LABEL, "looking for gcc and what it needs");
    let mut packages = unpacked_root::packages(apt, SUITE, &TOOLS, &step)?;
    packages.push(apt.show(SUITE, DKMS, &step)?);
    cache.make(FOLDER, &unpacked_root::stamp(RECIPE, &packages), |folder| {
        unpacked_root::fill(cache, apt, SUITE, &packages, folder, &step)
    })?;
    step.done(&format!("{} packages of Debian's {}, unpacked", packages.len(), SUITE.name()));
    Ok(())
}
