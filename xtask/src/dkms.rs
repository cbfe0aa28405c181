//! `cargo xtask dkms`: the driver as a Debian package for machines without Rust,
//! `dkms/sprig-vni-dkms_<version>_amd64.deb`.
//!
//! It puts `driver/source` (the C shim and the compiled Rust core) into `/usr/src`, where DKMS builds a module of it
//! for each kernel of the machine, now and whenever one is added. `--try-out` has the real DKMS do so inside [`ModuleRoot`],
//! which has no Rust either.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::driver;
use crate::module_root::ModuleRoot;
use crate::package::deb::{self, Deb, VERSION};
use crate::package::times::Epoch;
use crate::places::Places;
use crate::process;
use crate::progress::{self, Step};
use crate::setup::{self, Item, KernelLine, lock};

const NAME: &str = "sprig-vni";
const PACKAGE: &str = "sprig-vni-dkms";
const MODULE: &str = "sprig_vni";
/// DKMS builds one small module, on a slow and busy machine.
const LIMIT: Duration = Duration::from_secs(10 * 60);
/// Lines that were built with the compiler in the root: DKMS uses the compiler that the kernel names.
const TRIED: [KernelLine; 2] = [KernelLine::V6_12, KernelLine::V7_2];
/// Where the package is unpacked in the root, to be tried.
const TRIAL: &str = "/build/dkms";

/// Tags of lintian that are no mistakes here.
const OVERRIDES: &str = "\
# It is linked into modules, by its symbols.
sprig-vni-dkms: unstripped-binary-or-object [usr/src/sprig-vni-*/core.o.prebuilt]
";

/// Whether to try the package.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Also have DKMS build it for the kernels of set-up
    #[arg(long)]
    try_out: bool,
}

/// Makes the package.
pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    let package = make(places, &places.sprig.join("dkms"))?;
    progress::headline("dkms", &package.display().to_string());
    match options.try_out {
        true => try_out(&ModuleRoot::find(places)?, places, &package),
        false => Ok(()),
    }
}

/// Makes the package in a folder.
pub(crate) fn make(places: &Places, folder: &Path) -> Result<PathBuf> {
    setup::ensure(places, &[Item::Kbuild])?;
    let source = driver::source(places)?;
    let _lock = lock::take(&places.sprig)?;
    pack(&source, folder, Epoch::of_sources(places)?)
}

fn pack(source: &Path, folder: &Path, epoch: Epoch) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let tree = tempfile::tempdir_in(folder)?;
    let sources = tree.path().join("usr/src").join(format!("{NAME}-{VERSION}"));
    fs::create_dir_all(&sources)?;
    for entry in fs::read_dir(source)?.flatten().filter(|entry| entry.file_name() != "stamp") {
        fs::copy(entry.path(), sources.join(entry.file_name()))?;
    }
    let configuration = sources.join("dkms.conf");
    let text = fs::read_to_string(&configuration).context("the driver's source has no dkms.conf")?;
    fs::write(&configuration, text.replace("#MODULE_VERSION#", VERSION))?;

    deb::document(tree.path(), PACKAGE, OVERRIDES, epoch)?;
    let deb = Deb {
        name: PACKAGE,
        section: "kernel",
        depends: "dkms",
        // It has the command that looks after the other partitions.
        further: "Recommends: sprig\n",
        summary: "Linux driver for Sprig's virtual Ethernet",
        description: "A network interface between the kernels that share a machine. The module is\n\
                      built for each kernel by DKMS, from C and from one compiled object; no Rust\n\
                      compiler is needed.",
        scripts: scripts().into(),
    };
    deb.pack(tree.path(), folder, epoch)
}

/// What Debian's own packages of DKMS modules do when they are installed and removed.
fn scripts() -> [(&'static str, String); 2] {
    let install = format!(
        "#!/bin/sh\n\
         set -e\n\
         if [ \"$1\" = configure ]; then\n    \
             /usr/lib/dkms/common.postinst {NAME} {VERSION} '' \"$(dpkg --print-architecture)\" \"$2\"\n\
         fi\n"
    );
    let remove = format!(
        "#!/bin/sh\n\
         set -e\n\
         if [ -n \"$(dkms status -m {NAME} -v {VERSION})\" ]; then\n    \
             dkms remove -m {NAME} -v {VERSION} --all\n\
         fi\n"
    );
    [("postinst", install), ("prerm", remove)]
}

/// Has DKMS add the package's source and build it, in temporary trees so that nothing of it stays.
fn try_out(root: &ModuleRoot, places: &Places, package: &Path) -> Result<()> {
    ensure!(!root.path("/usr/bin/rustc").exists(), "the root must not hold Rust, or the trial proves nothing");
    let trial = root.path(TRIAL);
    if trial.exists() {
        fs::remove_dir_all(&trial)?;
    }
    let state = trial.join("state");
    fs::create_dir_all(&state)?;
    process::output(Command::new("dpkg-deb").arg("-x").args([package, trial.as_path()]), process::QUICK)?;
    let trees = [format!("--sourcetree={TRIAL}/usr/src"), format!("--dkmstree={TRIAL}/state")];
    let dkms = |verb: &str, rest: &[&str]| {
        let mut arguments = vec!["dkms", verb, "-m", NAME, "-v", VERSION];
        arguments.extend(trees.iter().map(String::as_str).chain(rest.iter().copied()));
        root.output(&arguments, LIMIT)
    };
    dkms("add", &[])?;
    for line in TRIED {
        let label = format!("dkms {}", line.name());
        let step = Step::start(&label, "building");
        let release = fs::read_to_string(places.sprig.join("kernels").join(line.name()).join("release"))?;
        let release = release.trim();
        dkms("build", &["-k", release])?;
        let built = format!("{TRIAL}/state/{NAME}/{VERSION}/{release}/x86_64/module");
        step.done(&format!("{} for {release}", check(root, &built, release)?));
    }
    Ok(fs::remove_dir_all(&trial)?)
}

/// The one module in the folder `built`, which must be for that kernel.
fn check(root: &ModuleRoot, built: &str, release: &str) -> Result<String> {
    let entries = fs::read_dir(root.path(built)).context("DKMS left no module")?;
    let mut names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let name = names.find(|name| name.starts_with(&format!("{MODULE}.ko"))).context("DKMS left no module")?;
    let magic = root.output(&["modinfo", "-F", "vermagic", &format!("{built}/{name}")], process::QUICK)?;
    ensure!(magic.starts_with(&format!("{release} ")), "the module is for another kernel: {}", magic.trim());
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_holds_source_configuration_and_core() {
        let (source, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(source.path().join("dkms.conf"), "PACKAGE_VERSION=\"#MODULE_VERSION#\"\n").unwrap();
        fs::write(source.path().join("core.o.prebuilt"), "core").unwrap();
        fs::write(source.path().join("stamp"), "").unwrap();
        let epoch = Epoch::of_sources(&Places::find().unwrap()).unwrap();
        let package = pack(source.path(), out.path(), epoch).unwrap();
        let unpacked = out.path().join("unpacked");
        process::output(Command::new("dpkg-deb").arg("-x").args([&package, &unpacked]), process::QUICK).unwrap();
        let sources = unpacked.join(format!("usr/src/{NAME}-{VERSION}"));
        let configuration = fs::read_to_string(sources.join("dkms.conf")).unwrap();
        assert_eq!(configuration, format!("PACKAGE_VERSION=\"{VERSION}\"\n"));
        assert!(!unpacked.join("usr/bin").exists(), "the package `sprig` has the command");
        assert!(sources.join("core.o.prebuilt").is_file() && !sources.join("stamp").exists());
        let field = |name| process::output(Command::new("dpkg-deb").arg("-f").arg(&package).arg(name), process::QUICK);
        assert_eq!(["Depends", "Conflicts"].map(|name| field(name).unwrap().trim().to_owned()), ["dkms", ""]);
    }
}
