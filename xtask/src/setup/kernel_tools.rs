//! `kernel-tools/`: a Debian with what examines the driver's shim (sparse, Coccinelle and the kernel's own rules for it)
//! and what builds a whole kernel ([`super::checked`]), the kernel's source in it.
//!
//! It stands apart from [`super::kbuild`], because who only boots boxes should not have to fetch it.

use std::os::unix::fs::symlink;
use std::time::Duration;

use anyhow::Result;

use super::apt::{Apt, Suite};
use super::cache::BuildCache;
use super::kbuild;
use super::unpacked_root;
use crate::module_root::{ModuleRoot, TOOLS_FOLDER};
use crate::progress::{self, Step};

const LABEL: &str = "kernel tools";
const RECIPE: &str = "recipe 1\n";
const SUITE: Suite = Suite::Trixie;

/// What is needed beside the tools for modules. Coccinelle's rules are partly Python, which it loads as a library.
const TOOLS: [&str; 10] =
    ["bc", "bison", "coccinelle", "flex", "gzip", "libc6-dev", "libelf-dev", "libpython3.13", "sparse", "xz-utils"];
/// The kernel's source. It is taken without what it depends on, which is there.
const SOURCE: &str = "linux-source-6.12";
/// Where the package has it, inside.
pub(crate) const ARCHIVE: &str = "/usr/src/linux-source-6.12.tar.xz";
/// Where the rules for Coccinelle are, inside.
pub(crate) const RULES: &str = "/linux-source-6.12/scripts/coccinelle";

/// The name by which Coccinelle loads Python, which only Python's package for building has.
const PYTHON: [&str; 2] = ["usr/lib/x86_64-linux-gnu/libpython3.13.so", "libpython3.13.so.1.0"];

/// Limit for finding the rules in the compressed source, on a slow and busy machine.
const UNPACK_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Makes the root available.
pub(super) fn make(cache: &BuildCache, apt: &mut Apt) -> Result<()> {
    if cache.stamp(TOOLS_FOLDER).is_some_and(|stamp| stamp.starts_with(RECIPE)) {
        progress::ready(LABEL, "sparse, Coccinelle and the source of a kernel, unpacked");
        return Ok(());
    }
    let step = Step::start(LABEL, "looking for sparse, Coccinelle and what builds a kernel");
    let names = [kbuild::TOOLS.as_slice(), &TOOLS].concat();
    let mut packages = unpacked_root::packages(apt, SUITE, &names, &step)?;
    packages.push(apt.show(SUITE, SOURCE, &step)?);
    cache.make(TOOLS_FOLDER, &unpacked_root::stamp(RECIPE, &packages), |folder| {
        unpacked_root::fill(cache, apt, SUITE, &packages, folder, &step)?;
        let [name, target] = PYTHON;
        symlink(target, folder.join(name))?;
        step.doing("unpacking the rules for Coccinelle");
        let rules = RULES.trim_start_matches('/');
        ModuleRoot::at(folder)?.output(&["tar", "-C", "/", "-xf", ARCHIVE, rules], UNPACK_LIMIT).map(drop)
    })?;
    step.done(&format!("{} packages of Debian's {}, unpacked", packages.len(), SUITE.name()));
    Ok(())
}
