//! The driver's Rust core as one object that Kbuild links into a module for any kernel.
//!
//! cargo makes an archive of the crate `guest-driver` and all below it, `core` included, each function in a section of
//! its own. `ld` keeps what the functions of `sprig_vni_core.h` reach, and `objcopy` hides every name but theirs. It
//! refers only to the kernel's copying routines and thunks, and to the shim's `sprig_core_panic`.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::build::CARGO_LIMIT;
use crate::places::{BARE_METAL, Places};
use crate::process;
use crate::remapping;
use crate::setup::sysroot::{self, KERNEL_FLAGS, Library, Sysroot};

/// Its name does not end in `.o_shipped`: Kbuild's rule for that skips what modpost and objtool need.
pub(super) const NAME: &str = "core.o.prebuilt";

const PACKAGE: &str = "guest-driver";
const PROFILE: &str = "kernel";
/// The prefix of functions that C calls.
const PREFIX: &str = "sprig_";

/// Compiles the core and links it into the file `object`.
pub(super) fn make(places: &Places, object: &Path) -> Result<()> {
    process::shown_run(&mut cargo(places)?, CARGO_LIMIT)?;
    let archive = places.target.join(BARE_METAL).join(PROFILE).join("libguest_driver.a");
    let folder = places.workspace.join(PACKAGE);
    let header = folder.join("sprig_vni_core.h");
    let header = fs::read_to_string(&header).with_context(|| format!("cannot read {}", header.display()))?;
    let entries: Vec<String> =
        names(&archive, &["--extern-only"])?.into_iter().filter(|name| name.starts_with(PREFIX)).collect();
    ensure!(!entries.is_empty(), "{} has no function that C could call", archive.display());
    if let Some(unknown) = entries.iter().find(|name| !declares(&header, name)) {
        bail!("the core has {unknown}, which sprig_vni_core.h does not declare");
    }
    link(&archive, &folder.join("core.ld"), &entries, object)
}

fn cargo(places: &Places) -> Result<Command> {
    let Sysroot::Private(path) = sysroot::find(places, Library::Kernel)? else {
        bail!("there is no core for kernels");
    };
    let mut flags: Vec<_> = KERNEL_FLAGS.iter().map(OsString::from).collect();
    flags.extend(["--sysroot".into(), path.into()]);
    let arguments =
        ["rustc", "-p", PACKAGE, "--lib", "--crate-type", "staticlib", "--profile", PROFILE, "--target", BARE_METAL];
    let mut command = places.cargo(&arguments);
    remapping::set_flags(places, &mut command, &flags)?;
    // The compiler's flags for kernels are not stable yet.
    command.env("RUSTC_BOOTSTRAP", "1");
    Ok(command)
}

fn link(archive: &Path, script: &Path, entries: &[String], object: &Path) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let linked = scratch.path().join("linked.o");
    let mut ld = Command::new("ld");
    ld.args(["-r", "--gc-sections", "-T"]).arg(script).arg("-o").arg(&linked);
    ld.args(entries.iter().map(|name| format!("--undefined={name}"))).arg(archive);
    process::output(&mut ld, process::QUICK)?;

    // modpost would look in the kernel even for names that nothing refers to, so they are dropped. objtool needs the
    // names of functions even if nothing refers to them.
    let list = |name: &str, names: &[String]| {
        let path = scratch.path().join(name);
        fs::write(&path, names.join("\n")).map(|()| path)
    };
    let keep = list("keep", &names(&linked, &[])?)?;
    let global = list("global", entries)?;
    let mut objcopy = Command::new("objcopy");
    objcopy
        .arg("--strip-unneeded")
        .arg(format!("--keep-symbols={}", keep.display()))
        .arg(format!("--keep-global-symbols={}", global.display()))
        .args([&linked, object]);
    process::output(&mut objcopy, process::QUICK).map(drop)
}

/// Names that an object or an archive defines.
fn names(object: &Path, options: &[&str]) -> Result<Vec<String>> {
    let mut nm = Command::new("nm");
    nm.args(["--format=posix", "--defined-only"]).args(options).arg(object);
    let text = process::output(&mut nm, process::QUICK)?;
    Ok(text.lines().filter_map(name_of).collect())
}

/// The name in a line `name kind value size`; archives also have lines that name a member.
fn name_of(line: &str) -> Option<String> {
    let mut words = line.split(' ');
    let (name, kind) = (words.next()?, words.next()?);
    (kind.len() == 1).then(|| name.to_owned())
}

/// Whether the header has a function of that name.
fn declares(header: &str, name: &str) -> bool {
    header.match_indices(name).any(|(at, _)| {
        let before = header[..at].chars().next_back();
        header[at + name.len()..].starts_with('(')
            && before.is_some_and(|before| !before.is_alphanumeric() && before != '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_archives_too() {
        assert_eq!(name_of("sprig_send T 0000000000000000 12").as_deref(), Some("sprig_send"));
        assert_eq!(name_of("libguest_driver.a[core.o]:"), None);
        assert_eq!(name_of(""), None);
    }

    #[test]
    fn a_function_is_declared_only_by_its_whole_name() {
        let header = "bool sprig_publish(struct sprig_station *, u32 lane);\nu32 *sprig_take(void);";
        assert!(declares(header, "sprig_publish") && declares(header, "sprig_take"));
        assert!(!declares(header, "sprig_pub") && !declares(header, "publish") && !declares(header, "sprig_station"));
    }
}
