//! `dpdk/`: Debian's DPDK, whose memif and vhost-user the native bench measures beside the virtual Ethernet.
//!
//! Unpacked and not installed: programs, their libraries and the plugins of those devices, run with their own loader.
//! Where it is not available the bench runs without it, and prints a line.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::apt::{self, Apt, Suite};
use super::cache::BuildCache;
use crate::progress::{self, Step};
use crate::unpacked::{LIBRARIES, Unpacked};

const LABEL: &str = "DPDK";
const FOLDER: &str = "dpdk";
const RECIPE: &str = "recipe 1\n";
const SUITE: Suite = Suite::Trixie;

/// The program that sends and receives.
pub(crate) const TESTPMD: &str = "usr/bin/dpdk-testpmd";

/// Packages: the program's, and one of libraries whose name does not show it. Then the prefixes of the plugins'
/// packages; their names end with the number of the release's interface.
const PROGRAMS: [&str; 2] = ["dpdk-dev", "ibverbs-providers"];
const PLUGINS: [&str; 4] = ["librte-mempool-ring", "librte-net-memif", "librte-net-vhost", "librte-net-virtio"];

/// Makes it available.
pub(super) fn make(cache: &BuildCache, apt: &mut Apt) -> Result<()> {
    if let Err(error) = apt::is_here() {
        progress::headline(LABEL, &format!("none, and so the native bench measures without it: {error}"));
        return cache.remove(FOLDER);
    }
    if cache.stamp(FOLDER).is_some_and(|stamp| stamp.starts_with(RECIPE)) {
        progress::ready(LABEL, "of Debian");
        return Ok(());
    }
    let step = Step::start(LABEL, "looking for the newest");
    let mut names: Vec<String> = PROGRAMS.map(str::to_owned).to_vec();
    for plugin in PLUGINS {
        names.push(numbered(apt, plugin, &step)?);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let packages = apt.with_libraries(SUITE, &names, &step)?;
    let version = packages.iter().find(|package| package.name == PROGRAMS[0]).map(|package| package.version.clone());
    let version = version.context("Debian's packages lack dpdk-dev")?;
    cache.make(FOLDER, &format!("{RECIPE}{version}\n"), |folder| {
        let scratch = cache.scratch(FOLDER)?;
        let debs = apt.download_all(SUITE, &packages, scratch.path(), &step)?;
        for folder_of_links in ["usr/bin", "usr/sbin", "usr/lib", "usr/lib64"] {
            fs::create_dir_all(folder.join(folder_of_links))?;
        }
        for deb in debs {
            step.doing(&format!("unpacking {}", deb.file_name().unwrap_or_default().display()));
            apt::unpack(
                &deb,
                folder,
                &["--keep-directory-symlink", "--exclude=./usr/share/*", "--exclude=./usr/include/*"],
            )?;
        }
        check(folder)
    })?;
    step.done(&format!("{version} of Debian's {}", SUITE.name()));
    Ok(())
}

/// The version, if it is there.
pub(crate) fn version(root: &Path) -> Option<String> {
    let stamp = fs::read_to_string(root.join(FOLDER).join("stamp")).ok()?;
    Some(stamp.strip_prefix(RECIPE)?.trim().to_owned())
}

/// Its folder, if it is there.
pub(crate) fn tree(root: &Path) -> Option<PathBuf> {
    version(root).map(|_| root.join(FOLDER))
}

/// The package whose name is this prefix and a number.
fn numbered(apt: &mut Apt, prefix: &str, step: &Step) -> Result<String> {
    let names = apt.names(SUITE, prefix, step)?;
    let is_it = |name: &&String| name[prefix.len()..].chars().all(|letter| letter.is_ascii_digit());
    names.iter().find(is_it).cloned().with_context(|| format!("Debian's {} has no package {prefix}", SUITE.name()))
}

/// Fails if something that the program loads is missing.
fn check(folder: &Path) -> Result<()> {
    Unpacked(folder.to_owned()).libraries(TESTPMD)?;
    let plugins = folder.join(LIBRARIES).join("dpdk");
    plugins.is_dir().then_some(()).with_context(|| format!("Debian's packages hold no {}", plugins.display()))
}
