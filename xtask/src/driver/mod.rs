//! The Linux driver for stock kernels, `driver/<line>/sprig_vni.ko`.
//!
//! It is built in two steps. `driver/source` gets what any machine with a kernel's headers can build without Rust: the
//! C shim of `guest-driver`, and its Rust core, compiled once for all kernels ([`core_object`]). From that Kbuild makes
//! a module for each line, inside [`ModuleRoot`]; [`crate::dkms`] packs the same folder. Each step runs only if its
//! sources have changed.

mod core_object;

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::module_root::ModuleRoot;
use crate::places::Places;
use crate::progress::{self, Step};
use crate::setup::cache::BuildCache;
use crate::setup::{KernelLine, checked, lock};

const LABEL: &str = "driver";
const SOURCE: &str = "driver/source";
const MODULE: &str = "sprig_vni.ko";
const RECIPE: &str = "recipe 1\n";
/// The kernel with checks is no line, and has this name instead.
pub(crate) const CHECKED: &str = "checked";
/// Limit for Kbuild, which builds one small module, on a slow and busy machine.
const MAKE_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Builds the driver for those of these lines whose headers are there. Without the tools it prints a line and builds
/// none.
pub(crate) fn build(places: &Places, lines: &[KernelLine]) -> Result<()> {
    let root = match ModuleRoot::find(places) {
        Ok(root) => root,
        Err(error) => {
            progress::headline(LABEL, &format!("not built: {error}"));
            return Ok(());
        }
    };
    progress::headline("build", "the Linux driver");
    let _lock = lock::take(&places.sprig)?;
    let cache = BuildCache::open(&places.sprig)?;
    let stamp = make_source(places, &cache)?;
    lines.iter().try_for_each(|line| build_line(&root, &cache, &stamp, *line))
}

/// Makes the folder from which any machine can build the driver, and returns its path.
pub(crate) fn source(places: &Places) -> Result<PathBuf> {
    let _lock = lock::take(&places.sprig)?;
    let cache = BuildCache::open(&places.sprig)?;
    make_source(places, &cache)?;
    Ok(cache.path(SOURCE))
}

/// Makes `driver/source` and returns its stamp.
fn make_source(places: &Places, cache: &BuildCache) -> Result<String> {
    let staged = cache.scratch(SOURCE)?;
    let terms = ["LICENSE-MIT", "LICENSE-APACHE"].map(|name| places.workspace.join(name));
    for path in sources(&places.workspace.join("guest-driver"))?.into_iter().chain(terms) {
        fs::copy(&path, staged.path().join(path.file_name().context("a source has a name")?))?;
    }
    core_object::make(places, &staged.path().join(core_object::NAME))?;
    let stamp = format!("{RECIPE}{}", listing(staged.path())?);
    if cache.stamp(SOURCE).as_ref() != Some(&stamp) {
        cache.make(SOURCE, &stamp, |folder| copy_files(staged.path(), folder))?;
    }
    Ok(stamp)
}

/// Copies the shim, without the core, into a folder.
pub(crate) fn copy_shim(places: &Places, folder: &Path) -> Result<()> {
    for path in sources(&places.workspace.join("guest-driver"))? {
        fs::copy(&path, folder.join(path.file_name().context("a source has a name")?))?;
    }
    Ok(())
}

/// The files of the shim, those by which it is built, and the driver's licences.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_c = [".c", ".h", ".S"].iter().any(|end| name.ends_with(end));
        is_c || ["Kbuild", "Makefile", "dkms.conf"].contains(&&*name) || name.starts_with("LICENSE")
    };
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).filter(is_wanted).collect())
}

fn build_line(root: &ModuleRoot, cache: &BuildCache, source: &str, line: KernelLine) -> Result<()> {
    let Some(headers) = cache.stamp(&format!("kbuild/headers/{}", line.name())) else {
        progress::headline(&format!("driver {}", line.name()), "not built: set-up has no headers of that kernel");
        return cache.remove(&format!("driver/{}", line.name()));
    };
    let release = cache.path(&format!("kernels/{}/release", line.name()));
    let release = fs::read_to_string(&release).with_context(|| format!("cannot read {}", release.display()))?;
    let which = format!("KERNELRELEASE={}", release.trim());
    build_for(root, cache, source, &Kernel { name: line.name(), headers, which })
}

/// Builds the driver for the kernel with checks, which set-up has made.
pub(crate) fn build_checked(places: &Places) -> Result<()> {
    let root = ModuleRoot::find_tools(places)?;
    let _lock = lock::take(&places.sprig)?;
    let cache = BuildCache::open(&places.sprig)?;
    let source = make_source(places, &cache)?;
    let headers = cache.stamp(checked::FOLDER).context("there is no kernel with checks")?;
    let which = format!("KERNEL_BUILD={}", checked::BUILD);
    build_for(&root, &cache, &source, &Kernel { name: CHECKED, headers, which })
}

/// A kernel for which the driver is built.
struct Kernel<'a> {
    name: &'a str,
    /// The stamp of its headers.
    headers: String,
    /// How the driver's Makefile is told of it.
    which: String,
}

fn build_for(root: &ModuleRoot, cache: &BuildCache, source: &str, kernel: &Kernel<'_>) -> Result<()> {
    let label = format!("driver {}", kernel.name);
    let folder = format!("driver/{}", kernel.name);
    let stamp = format!("{source}{}", kernel.headers);
    if cache.stamp(&folder).as_ref() == Some(&stamp) {
        progress::ready(&label, MODULE);
        return Ok(());
    }
    let step = Step::start(&label, "building");
    let inside = format!("/build/{}", kernel.name);
    let place = root.path(&inside);
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir_all(&place)?;
    copy_files(&cache.path(SOURCE), &place)?;
    // Debian names the compiler of each kernel; trixie's builds modules for older ones too.
    let output = root.output(&["make", "-C", &inside, &kernel.which, "CC=gcc-14"], MAKE_LIMIT)?;
    ensure_no_warning(&output).with_context(|| format!("the driver for {} is not clean", kernel.name))?;
    cache.make(&folder, &stamp, |making| Ok(fs::copy(place.join(MODULE), making.join(MODULE)).map(drop)?))?;
    step.done(MODULE);
    Ok(())
}

/// Fails on a warning: the compiler, objtool and modpost print one and go on.
fn ensure_no_warning(output: &str) -> Result<()> {
    let is_warning = |line: &&str| line.to_ascii_lowercase().contains("warning:") || line.contains("objtool:");
    let warnings: Vec<&str> = output.lines().filter(is_warning).collect();
    ensure!(warnings.is_empty(), "{}", warnings.join("\n"));
    Ok(())
}

/// Each file's name with a hash of its contents, in the order of the names.
pub(crate) fn listing(folder: &Path) -> Result<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let mut hasher = DefaultHasher::new();
        fs::read(entry.path())?.hash(&mut hasher);
        lines.push(format!("{} {:016x}\n", entry.file_name().to_string_lossy(), hasher.finish()));
    }
    lines.sort();
    Ok(lines.concat())
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if !entry.file_type()?.is_file() {
            bail!("{} is not a file", entry.path().display());
        }
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_of_compiler_objtool_and_modpost_are_errors() {
        let quiet = "  CC [M]  main.o\n  PREBUILT core.o\n  BTF [M] sprig_vni.ko\n";
        ensure_no_warning(quiet).unwrap();
        for complaint in [
            "main.c:3:5: warning: unused variable 'x'",
            "WARNING: modpost: missing MODULE_DESCRIPTION() in sprig_vni.o",
            "core.o: warning: objtool: sprig_send+0x12: unreachable instruction",
            "error: objtool: Linked object detected, forcing --link",
        ] {
            let error = ensure_no_warning(&format!("{quiet}{complaint}\n")).unwrap_err();
            assert_eq!(error.to_string(), complaint);
        }
    }

    #[test]
    fn a_listing_changes_with_a_files_contents_and_not_with_copying() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(one.path().join("main.c"), "int x;").unwrap();
        fs::write(one.path().join("Kbuild"), "obj-m := x.o").unwrap();
        copy_files(one.path(), two.path()).unwrap();
        assert_eq!(listing(one.path()).unwrap(), listing(two.path()).unwrap());
        fs::write(two.path().join("main.c"), "int y;").unwrap();
        assert_ne!(listing(one.path()).unwrap(), listing(two.path()).unwrap());
    }

    #[test]
    fn the_sources_are_the_shim_and_what_builds_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-driver");
        let names: Vec<String> = sources(&folder)
            .unwrap()
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        for wanted in ["main.c", "sprig_vni_core.h", "Kbuild", "Makefile", "dkms.conf", "LICENSE-GPL-2.0"] {
            assert!(names.iter().any(|name| name == wanted), "{wanted} is not in {names:?}");
        }
        assert!(!names.iter().any(|name| name == "Cargo.toml"), "{names:?}");
    }
}
