//! `kernel-tools/checked/`: a kernel that finds faults of the driver (lockdep, KASAN, kmemleak and others), built from the
//! source of Debian's: `vmlinuz`, `release`, and in `build` what modules for it are built with.
//!
//! It takes half an hour on two cores, so it is made only where it is asked for. The folder in which it is built stays, so
//! that an interrupted build goes on, and a changed configuration builds only what it changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::cache::BuildCache;
use super::kernel_tools::ARCHIVE;
use crate::module_root::{ModuleRoot, TOOLS_FOLDER};
use crate::progress::{self, Step};

const LABEL: &str = "checked kernel";
const RECIPE: &str = "recipe 1\n";
/// What allnoconfig is given: all that is not named in it, and not needed by it, is off.
const CONFIG: &str = include_str!("checked.config");
/// The folder, below that of what set-up makes.
pub(crate) const FOLDER: &str = "kernel-tools/checked";
/// What modules are built with, inside.
pub(crate) const BUILD: &str = "/checked/build";

/// Where it is built, inside; the configuration that is asked for; and what make prints.
const PLACE: &str = "/build/checked";
const ASKED: &str = "/build/checked.config";
const OUTPUT: &str = "/build/checked.output";
/// The source in it is complete.
const UNPACKED: &str = "unpacked";

const UNPACK_LIMIT: Duration = Duration::from_secs(20 * 60);
const CONFIGURE_LIMIT: Duration = Duration::from_secs(10 * 60);
const BUILD_LIMIT: Duration = Duration::from_secs(3 * 60 * 60);

const UNPACK: &str = r#"mkdir -p "$2"; tar -C "$2" --strip-components=1 -xf "$1""#;
const CONFIGURE: &str = r#"make -C "$2" CC=gcc-14 HOSTCC=gcc-14 "KCONFIG_ALLCONFIG=$1" allnoconfig"#;
const MAKE: &str =
    r#"make -j"$(nproc)" -C "$2" CC=gcc-14 HOSTCC=gcc-14 bzImage modules > "$1" 2>&1 || { tail -n 20 "$1"; exit 1; }"#;
/// The kernel's own script for packages of headers.
const EXTRACT: &str = r#"
cd "$2"
export srctree=. SRCARCH=x86 CC=gcc-14 HOSTCC=gcc-14 MAKE=make KCONFIG_CONFIG=.config
rm -rf "$1"
sh scripts/package/install-extmod-build "$1"
"#;

/// Makes it available. The tools are there.
pub(super) fn make(cache: &BuildCache) -> Result<()> {
    let tools = cache.stamp(TOOLS_FOLDER).context("there is nothing to build a kernel with")?;
    let source = tools.lines().find(|line| line.contains(" linux-source-")).context("there is no kernel's source")?;
    let stamp = format!("{RECIPE}{source}\n{CONFIG}");
    if cache.stamp(FOLDER).as_ref() == Some(&stamp) {
        progress::ready(LABEL, &release(cache)?);
        return Ok(());
    }
    let step = Step::start(LABEL, "unpacking the source");
    let root = ModuleRoot::at(&cache.path(TOOLS_FOLDER))?;
    build(&root, source, &step)?;
    cache.make(FOLDER, &stamp, |folder| keep(&root, folder))?;
    step.done(&format!("{}, built from Debian's source", release(cache)?));
    Ok(())
}

/// Its release, as `uname -r` prints it.
pub(crate) fn release(cache: &BuildCache) -> Result<String> {
    let path = cache.path(FOLDER).join("release");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.trim().to_owned())
}

fn build(root: &ModuleRoot, source: &str, step: &Step) -> Result<()> {
    let place = root.path(PLACE);
    let unpacked = place.join(UNPACKED);
    if fs::read_to_string(&unpacked).is_ok_and(|from| from == source) {
        step.doing("going on with an earlier build");
    } else {
        remove(&place)?;
        run(root, UNPACK, ARCHIVE, UNPACK_LIMIT, || {})?;
        fs::write(&unpacked, source)?;
    }
    step.doing("configuring");
    fs::write(root.path(ASKED), CONFIG)?;
    run(root, CONFIGURE, ASKED, CONFIGURE_LIMIT, || {})?;
    let granted = fs::read_to_string(place.join(".config")).context("make left no .config")?;
    ensure_granted(CONFIG, &granted)?;
    let output = root.path(OUTPUT);
    run(root, MAKE, OUTPUT, BUILD_LIMIT, || step.doing(&format!("building: {}", progress_of(&output))))
        .context("the kernel with checks cannot be built")
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

fn run(root: &ModuleRoot, script: &str, subject: &str, limit: Duration, watch: impl FnMut()) -> Result<()> {
    root.output_watched(&["sh", "-ec", script, "sh", subject, PLACE], limit, watch).map(drop)
}

/// How many files were compiled, and the last one.
fn progress_of(output: &Path) -> String {
    let text = fs::read_to_string(output).unwrap_or_default();
    let compiled: Vec<&str> = text.lines().filter_map(|line| line.trim_start().strip_prefix("CC ")).collect();
    format!("{} files, {}", compiled.len(), compiled.last().unwrap_or(&"none yet").trim())
}

/// Fails if an option that is asked for is not as it should be: another one that it needs was not named.
fn ensure_granted(asked: &str, granted: &str) -> Result<()> {
    let asked = asked.lines().filter(|line| line.starts_with("CONFIG_"));
    let missing: Vec<&str> = asked.filter(|line| !granted.lines().any(|granted| granted == *line)).collect();
    ensure!(missing.is_empty(), "this kernel cannot be configured with {}", missing.join(", "));
    Ok(())
}

fn keep(root: &ModuleRoot, folder: &Path) -> Result<()> {
    const EXTRACTED: &str = "/build/extracted";
    run(root, EXTRACT, EXTRACTED, CONFIGURE_LIMIT, || {})?;
    fs::rename(root.path(EXTRACTED), folder.join("build"))?;
    for (from, to) in [("arch/x86/boot/bzImage", "vmlinuz"), ("include/config/kernel.release", "release")] {
        let from: PathBuf = root.path(PLACE).join(from);
        fs::copy(&from, folder.join(to)).with_context(|| format!("make left no {}", from.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_is_not_granted_is_named() {
        ensure_granted("# A\nCONFIG_A=y\n", "CONFIG_A=y\n# CONFIG_B is not set\n").unwrap();
        let error = ensure_granted("CONFIG_A=y\nCONFIG_B=y\n", "CONFIG_A=y\nCONFIG_BB=y\n").unwrap_err();
        assert_eq!(error.to_string(), "this kernel cannot be configured with CONFIG_B=y");
    }

    #[test]
    fn the_configuration_has_the_checks() {
        for check in ["PROVE_LOCKING", "KASAN", "DEBUG_ATOMIC_SLEEP", "DEBUG_KMEMLEAK"] {
            assert!(CONFIG.lines().any(|line| line == format!("CONFIG_{check}=y")), "{check}");
        }
    }

    #[test]
    fn progress_is_the_number_of_files() {
        let scratch = tempfile::tempdir().unwrap();
        let output = scratch.path().join("output");
        assert_eq!(progress_of(&output), "0 files, none yet");
        fs::write(&output, "  HOSTCC  a.o\n  CC      mm/slub.o\n  AR      mm/built-in.a\n").unwrap();
        assert_eq!(progress_of(&output), "1 files, mm/slub.o");
    }
}
