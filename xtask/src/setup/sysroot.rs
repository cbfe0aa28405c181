//! `core` and `alloc` for code that runs without an operating system below it: one set for the boot image, one for the
//! driver's core inside Linux, each a [`Library`].
//!
//! For bare metal an ordinary toolchain has them prebuilt, or `rustup` fetches them. The kernel's are never prebuilt:
//! they need its code model and its kinds of jumps and returns. What is missing is built once from the standard
//! library's sources of the very same compiler version (the toolchain's `rust-src`, else Debian's) into a private
//! sysroot.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::apt::{self, Apt, Suite};
use super::cache::BuildCache;
use crate::places::{BARE_METAL, Places, tool};
use crate::process;
use crate::progress::{self, Step};

const RECIPE: &str = "recipe 2";

/// Limit for `rustup`, which fetches 20 MB.
const RUSTUP_LIMIT: Duration = Duration::from_secs(300);
const COMPILE_LIMIT: Duration = Duration::from_secs(600);

/// The compiler flags of stock kernels that their modules must share (Linux `arch/x86/Makefile`): addresses in the
/// top 2 GiB, no red zone, indirect jumps and returns through the kernel's thunks, landing pads for indirect branches.
/// Jump tables would be indirect jumps that objtool cannot follow; sections of their own let the linker drop functions.
pub(crate) const KERNEL_FLAGS: [&str; 14] = [
    "-Copt-level=2",
    "-Coverflow-checks=yes",
    "-Crelocation-model=static",
    "-Ccode-model=kernel",
    "-Cno-redzone=yes",
    "-Cforce-unwind-tables=no",
    "-Cjump-tables=no",
    "-Csymbol-mangling-version=v0",
    "-Zcf-protection=branch",
    "-Zfunction-return=thunk-extern",
    "-Zretpoline",
    "-Zretpoline-external-thunk",
    "-Zplt=yes",
    "-Zfunction-sections=yes",
];

/// A set of crates for one environment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Library {
    /// For the boot image.
    BareMetal,
    /// For what is linked into Linux.
    Kernel,
}

impl Library {
    fn label(self) -> &'static str {
        match self {
            Library::BareMetal => "bare metal",
            Library::Kernel => "kernel core",
        }
    }

    /// The item of set-up that makes it, as it is named on the command line.
    fn item(self) -> &'static str {
        match self {
            Library::BareMetal => "sysroot",
            Library::Kernel => "kbuild",
        }
    }

    /// The private sysroot's folder.
    fn folder(self) -> &'static str {
        match self {
            Library::BareMetal => "sysroot",
            Library::Kernel => "sysroot-kernel",
        }
    }

    fn flags(self) -> Vec<&'static str> {
        match self {
            Library::BareMetal => vec!["-Cembed-bitcode=yes", "-Copt-level=3"],
            // One unit for each crate, and no bitcode: what the linker cannot drop would become a part of the module.
            Library::Kernel => [&KERNEL_FLAGS[..], &["-Cembed-bitcode=no", "-Ccodegen-units=1"]].concat(),
        }
    }

    /// Features of `compiler_builtins`.
    fn builtins(self) -> &'static [&'static str] {
        match self {
            // "mem": memcpy and the like, because there is no C library.
            Library::BareMetal => &["compiler-builtins", "mem"],
            // The kernel has its own memcpy.
            Library::Kernel => &["compiler-builtins"],
        }
    }
}

/// Where the compiler finds the crates.
pub(crate) enum Sysroot {
    /// In the toolchain.
    Toolchain,
    /// In the private sysroot of this path.
    Private(PathBuf),
}

/// Finds the crates that [`make`] left. The error names the command that makes them.
pub(crate) fn find(places: &Places, library: Library) -> Result<Sysroot> {
    let compiler = Compiler::detect()?;
    if library == Library::BareMetal && compiler.has_bare_metal() {
        return Ok(Sysroot::Toolchain);
    }
    let private = places.sprig.join(library.folder());
    match fs::read_to_string(private.join("stamp")) {
        Ok(stamp) if stamp == compiler.stamp(library) => Ok(Sysroot::Private(private)),
        _ => bail!("no core for {}; `cargo xtask setup --only {}` makes one", library.label(), library.item()),
    }
}

/// Makes the crates available.
pub(super) fn make(cache: &BuildCache, apt: &mut Apt, library: Library) -> Result<()> {
    let (label, compiler) = (library.label(), Compiler::detect()?);
    if library == Library::BareMetal && compiler.has_bare_metal() {
        progress::ready(label, "core in the toolchain");
        return Ok(());
    }
    let stamp = compiler.stamp(library);
    if cache.stamp(library.folder()).as_ref() == Some(&stamp) {
        progress::ready(label, &format!("core {} in a private sysroot", compiler.release));
        return Ok(());
    }
    let step = Step::start(label, "looking for core");
    if library == Library::BareMetal && rustup(&step, &["target", "add", BARE_METAL]) && compiler.has_bare_metal() {
        step.done("core fetched by rustup");
        return Ok(());
    }
    cache.make(library.folder(), &stamp, |folder| {
        let scratch = cache.scratch(library.folder())?;
        let sources = sources(apt, &compiler, scratch.path(), &step)?;
        step.doing("building core");
        compiler.build_library(library, &sources, folder)
    })?;
    step.done(&format!("core {} built into a private sysroot", compiler.release));
    Ok(())
}

/// Has `rustup`, if there is one, fetch them. Returns whether it did.
fn rustup(step: &Step, arguments: &[&str]) -> bool {
    step.doing(&format!("rustup {}", arguments.join(" ")));
    process::output(Command::new("rustup").args(arguments), RUSTUP_LIMIT).is_ok()
}

/// The folder that holds the standard library's sources: the toolchain's, else Debian's.
fn sources(apt: &mut Apt, compiler: &Compiler, scratch: &Path, step: &Step) -> Result<PathBuf> {
    if compiler.own_sources().is_none() {
        rustup(step, &["component", "add", "rust-src"]);
    }
    match compiler.own_sources() {
        Some(library) => Ok(library),
        None => debian_sources(apt, compiler, scratch, step),
    }
}

/// Debian's `rust-src` of the compiler's version, unpacked: the folder that holds `core`.
fn debian_sources(apt: &mut Apt, compiler: &Compiler, scratch: &Path, step: &Step) -> Result<PathBuf> {
    let way_out = || {
        format!(
            "no core: the toolchain has no rust-src, `rustup component add rust-src` failed, and Debian's {} has no \
             rust-src {}",
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
    // In the package this is a link to an absolute path, where nothing is installed.
    let sources = fs::read_dir(root.join("usr/src")).ok()?.flatten().map(|entry| entry.path().join("library"));
    sources.into_iter().find(|library| library.join("core/src/lib.rs").is_file())
}

/// The compiler in use.
struct Compiler {
    release: String,
    /// The output of `rustc -vV`: a library fits only the compiler that built it.
    identity: String,
    sysroot: PathBuf,
}

impl Compiler {
    fn detect() -> Result<Compiler> {
        let identity = process::output(rustc().arg("-vV"), process::QUICK)?;
        let release = identity.lines().find_map(|line| line.strip_prefix("release: "));
        let release = release.context("rustc -vV names no release")?.to_owned();
        let sysroot = process::output(rustc().args(["--print", "sysroot"]), process::QUICK)?;
        Ok(Compiler { release, identity, sysroot: sysroot.trim().into() })
    }

    fn stamp(&self, library: Library) -> String {
        format!("{RECIPE}\n{}\n{}", library.flags().join(" "), self.identity)
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

    /// Builds the crates from `sources` into the sysroot `folder`, each with the ones before it.
    fn build_library(&self, library: Library, sources: &Path, folder: &Path) -> Result<()> {
        let out = folder.join(libraries_of_target());
        fs::create_dir_all(&out)?;
        let compile = |name: &str, source: &str, features: &[&str]| {
            let mut command = rustc();
            command
                .env("RUSTC_BOOTSTRAP", "1")
                .args(["--crate-type", "rlib", "--edition", "2024", "--target", BARE_METAL, "--crate-name", name])
                .args(["-Zforce-unstable-if-unmarked", "-Cpanic=abort", "--cap-lints", "allow"])
                .args(library.flags())
                .args(features.iter().flat_map(|feature| ["--cfg".to_owned(), format!("feature=\"{feature}\"")]))
                .arg(format!("--remap-path-prefix={}=/library", sources.display()))
                .arg("--sysroot")
                .arg(folder)
                .arg("--out-dir")
                .arg(&out)
                .arg(sources.join(source));
            process::output(&mut command, COMPILE_LIMIT).map(drop).with_context(|| format!("cannot build {name}"))
        };
        compile("core", "core/src/lib.rs", &[])?;
        compile("compiler_builtins", "compiler-builtins/compiler-builtins/src/lib.rs", library.builtins())?;
        match library {
            Library::BareMetal => compile("alloc", "alloc/src/lib.rs", &[]),
            // In the kernel, C code allocates.
            Library::Kernel => Ok(()),
        }
    }
}

fn rustc() -> Command {
    Command::new(tool("RUSTC", "rustc"))
}

fn libraries_of_target() -> PathBuf {
    Path::new("lib/rustlib").join(BARE_METAL).join("lib")
}
