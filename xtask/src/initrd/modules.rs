//! `/lib/modules/<release>` of every kernel that set-up has fetched: stock modules, the driver of the virtual Ethernet
//! if it has been built, and the tables by which `modprobe` finds them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::archive::Tree;
use crate::places::Places;
use crate::process;
use crate::setup::KernelLine;
use crate::unpacked::Unpacked;

/// Adds the modules to the tree, and returns the kernels for which there are some.
pub(super) fn add(tree: &mut Tree, places: &Places, programs: &Unpacked, scratch: &Path) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for line in KernelLine::value_variants() {
        let Ok(release) = fs::read_to_string(places.kernel(*line).with_file_name("release")) else { continue };
        let release = release.trim().to_owned();
        let folder = scratch.join("usr/lib/modules").join(&release);
        // The user may have given one kernel for several lines.
        if folder.exists() {
            continue;
        }
        let modules = modules(places, *line)?;
        let driver = places.driver(line.name());
        add_release(tree, &release, &modules, &driver, programs, scratch)?;
        found.push(Found { release, has_driver: modules.contains(&driver) });
    }
    Ok(found)
}

/// Adds the modules of a release, and their tables. The driver, which may be one of them, is stripped.
pub(super) fn add_release(
    tree: &mut Tree,
    release: &str,
    modules: &[PathBuf],
    driver: &Path,
    programs: &Unpacked,
    scratch: &Path,
) -> Result<()> {
    let folder = scratch.join("usr/lib/modules").join(release);
    fs::create_dir_all(&folder)?;
    for module in modules {
        let place = folder.join(module.file_name().context("a module has a name")?);
        fs::copy(module, &place).with_context(|| format!("cannot copy {}", module.display()))?;
        if module == driver {
            strip(&place)?;
        }
    }
    index(&folder, scratch, release, programs)?;
    tree.copy(&folder, &format!("usr/lib/modules/{release}"))
}

/// A kernel for which there are modules.
pub(super) struct Found {
    /// The release, as `uname -r` prints it.
    release: String,
    has_driver: bool,
}

/// The kernels as a list for messages.
pub(super) fn list(found: &[Found]) -> String {
    let kernel = |Found { release, has_driver }: &Found| match has_driver {
        true => format!("{release} (driver too)"),
        false => release.clone(),
    };
    found.iter().map(kernel).collect::<Vec<_>>().join(", ")
}

/// The files of a line's modules.
fn modules(places: &Places, line: KernelLine) -> Result<Vec<PathBuf>> {
    let stock = places.kernel(line).with_file_name("modules");
    // A kernel image of the user has no modules.
    let entries = if stock.is_dir() { Some(fs::read_dir(stock)?) } else { None };
    let mut modules = entries.into_iter().flatten().map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    modules.retain(|path| path.to_string_lossy().ends_with(".ko") || path.to_string_lossy().ends_with(".ko.xz"));
    modules.push(places.driver(line.name()));
    modules.retain(|path| path.is_file());
    Ok(modules)
}

/// Strips what only debuggers read, nine tenths of the driver. Debian's own modules are stripped already.
pub(crate) fn strip(module: &Path) -> Result<()> {
    let mut strip = Command::new("strip");
    process::output(strip.arg("--strip-debug").arg(module), process::QUICK)
        .map(drop)
        .with_context(|| format!("cannot strip {}; strip comes with Debian's package binutils", module.display()))
}

/// Has `depmod` write its tables beside the modules.
fn index(folder: &Path, root: &Path, release: &str, programs: &Unpacked) -> Result<()> {
    // depmod needs these lists, which may be empty.
    for list in ["modules.builtin", "modules.order"] {
        fs::write(folder.join(list), "")?;
    }
    let mut depmod = programs.command("usr/sbin/depmod");
    depmod.arg("--basedir").arg(root).arg("--moduledir").arg("/usr/lib/modules").arg(release);
    process::output(&mut depmod, process::QUICK).map(drop).with_context(|| format!("cannot index modules of {release}"))
}
