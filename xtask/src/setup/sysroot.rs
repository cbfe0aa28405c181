//! The bare-metal `core` and `alloc` that the boot image is built with.
//!
//! An ordinary toolchain has them prebuilt, or `rustup` fetches them. Where it cannot, they are built once from the
//! standard library's sources of the very same compiler version (the toolchain's `rust-src`, else Debian's) into a
//! private sysroot.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::apt::{self, Apt, Suite};
use super::made::Workshop;
use crate::places::{BARE_METAL, Places, tool};
use crate::process;
use crate::progress::{self, Step};

const LABEL: &str = "bare metal";
const FOLDER: &str = "sysroot";
const RECIPE: &str = "recipe 1";

/// `rustup` fetches 20 MB, or fails.
const RUSTUP_LIMIT: Duration = Duration::from_secs(300);
const COMPILE_LIMIT: Duration = Duration::from_secs(600);

/// Where the compiler finds the bare-metal crates.
pub(crate) enum Sysroot {
    /// In its own place.
    Toolchain,
    /// In the private sysroot of this path.
    Private(PathBuf),
}

/// Finds the crates that [`make`] left, or says how to come by them.
pub(crate) fn find(places: &Places) -> Result<Sysroot> {
    let compiler = Compiler::ask()?;
    if compiler.has_bare_metal() {
        return Ok(Sysroot::Toolchain);
    }
    let private = places.sprig.join(FOLDER);
    match fs::read_to_string(private.join("stamp")) {
        Ok(stamp) if stamp == compiler.stamp() => Ok(Sysroot::Private(private)),
        _ => bail!("this compiler has no core for {BARE_METAL}; `cargo xtask setup --only sysroot` makes one"),
    }
}

/// Sees to it that the crates are there.
pub(super) fn make(workshop: &Workshop, apt: &mut Apt) -> Result<()> {
    let compiler = Compiler::ask()?;
    if compiler.has_bare_metal() {
        progress::ready(LABEL, "core in the toolchain");
        return Ok(());
    }
    if workshop.stamp(FOLDER).as_ref() == Some(&compiler.stamp()) {
        progress::ready(LABEL, &format!("core {} in a private sysroot", compiler.release));
        return Ok(());
    }
    let step = Step::start(LABEL, &format!("rustup target add {BARE_METAL}"));
    let rustup = process::output(Command::new("rustup").args(["target", "add", BARE_METAL]), RUSTUP_LIMIT);
    if rustup.is_ok() && compiler.has_bare_metal() {
        step.done("core fetched by rustup");
        return Ok(());
    }
    workshop.make(FOLDER, &compiler.stamp(), |folder| {
        let scratch = workshop.scratch(FOLDER)?;
        let library = match compiler.own_sources() {
            Some(library) => library,
            None => debian_sources(apt, &compiler, scratch.path(), &step)?,
        };
        step.doing("building core, compiler_builtins and alloc");
        compiler.build_library(&library, folder)
    })?;
    step.done(&format!("core {} built into a private sysroot", compiler.release));
    Ok(())
}

/// Debian's `rust-src` of the compiler's version, unpacked: the folder that holds `core`.
fn debian_sources(apt: &mut Apt, compiler: &Compiler, scratch: &Path, step: &Step) -> Result<PathBuf> {
    let way_out = || {
        format!(
            "no core for {BARE_METAL}: `rustup target add {BARE_METAL}` failed, the toolchain has no rust-src, \
             and Debian's {} has no rust-src {}",
            Suite::TrixieBackports.name(),
            compiler.release
        )
    };
    let versions = apt.versions(Suite::TrixieBackports, "rust-src", step).with_context(way_out)?;
    let package = versions.into_iter().find(|package| package.upstream() == compiler.release).with_context(way_out)?;
    let deb = apt.download(Suite::TrixieBackports, &package, scratch, step)?;
    step.doing("unpacking rust-src");
    apt::unpack(&deb, scratch, &["./usr/src/*", "./usr/lib/rustlib/src/*"])?;
    library_in(scratch).context("Debian's rust-src holds no library/core")
}

fn library_in(root: &Path) -> Option<PathBuf> {
    let library = root.join("usr/lib/rustlib/src/rust/library");
    if library.join("core/src/lib.rs").is_file() {
        return Some(library);
    }
    // There it is a link to an absolute place that nothing is installed in.
    let sources = fs::read_dir(root.join("usr/src")).ok()?.flatten().map(|entry| entry.path().join("library"));
    sources.into_iter().find(|library| library.join("core/src/lib.rs").is_file())
}

/// The compiler in use.
struct Compiler {
    release: String,
    /// All of `rustc -vV`: a library fits only the compiler that built it.
    identity: String,
    sysroot: PathBuf,
}

impl Compiler {
    fn ask() -> Result<Compiler> {
        let identity = process::output(rustc().arg("-vV"), process::QUICK)?;
        let release = identity.lines().find_map(|line| line.strip_prefix("release: "));
        let release = release.context("rustc -vV names no release")?.to_owned();
        let sysroot = process::output(rustc().args(["--print", "sysroot"]), process::QUICK)?;
        Ok(Compiler { release, identity, sysroot: sysroot.trim().into() })
    }

    fn stamp(&self) -> String {
        format!("{RECIPE}\n{}", self.identity)
    }

    fn has_bare_metal(&self) -> bool {
        let libraries = fs::read_dir(self.sysroot.join(libraries_of_target()));
        libraries.into_iter().flatten().flatten().any(|entry| {
            let name = entry.file_name();
            name.to_string_lossy().starts_with("libcore-")
        })
    }

    fn own_sources(&self) -> Option<PathBuf> {
        let library = self.sysroot.join("lib/rustlib/src/rust/library");
        library.join("core/src/lib.rs").is_file().then_some(library)
    }

    /// Builds the crates from `library`, each upon the ones before it, into the sysroot `folder`.
    fn build_library(&self, library: &Path, folder: &Path) -> Result<()> {
        let out = folder.join(libraries_of_target());
        fs::create_dir_all(&out)?;
        let compile = |name: &str, source: &str, features: &[&str]| {
            let mut command = rustc();
            command
                .env("RUSTC_BOOTSTRAP", "1")
                .args(["--crate-type", "rlib", "--edition", "2024", "--target", BARE_METAL, "--crate-name", name])
                .args(["-Zforce-unstable-if-unmarked", "-Cpanic=abort", "-Cembed-bitcode=yes", "-Copt-level=3"])
                .args(["--cap-lints", "allow"])
                .args(features.iter().flat_map(|feature| ["--cfg".to_owned(), format!("feature=\"{feature}\"")]))
                .arg(format!("--remap-path-prefix={}=/library", library.display()))
                .arg("--sysroot")
                .arg(folder)
                .arg("--out-dir")
                .arg(&out)
                .arg(library.join(source));
            process::output(&mut command, COMPILE_LIMIT).map(drop).with_context(|| format!("cannot build {name}"))
        };
        compile("core", "core/src/lib.rs", &[])?;
        compile(
            "compiler_builtins",
            "compiler-builtins/compiler-builtins/src/lib.rs",
            // "mem": memcpy and its like, which no C library gives here.
            &["compiler-builtins", "mem"],
        )?;
        compile("alloc", "alloc/src/lib.rs", &[])
    }
}

fn rustc() -> Command {
    Command::new(tool("RUSTC", "rustc"))
}

fn libraries_of_target() -> PathBuf {
    Path::new("lib/rustlib").join(BARE_METAL).join("lib")
}
