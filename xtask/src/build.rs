//! `cargo xtask build`: the boot image, for bare metal; the driver, for Linux; the initial RAM disks; the disk of
//! whole systems; the `sprig` command, for this host.

use std::ffi::OsString;
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::disk;
use crate::driver;
use crate::initrd::{self, Program};
use crate::places::{BARE_METAL, Places};
use crate::process;
use crate::progress;
use crate::remapping;
use crate::setup::sysroot::{self, Library, Sysroot};
use crate::setup::{self, Item, KernelLine};

/// Limit for one call of cargo; a cold build on two slow cores takes much less.
pub(crate) const CARGO_LIMIT: Duration = Duration::from_secs(40 * 60);

/// The target of the programs that run in instances.
const INSTANCE: &str = "x86_64-unknown-linux-gnu";

/// These programs: each is a package and a program of that name, and has another name in an instance or the same.
const PROGRAMS: [(&str, &str); 3] =
    [("bench-agent", "bench-agent"), ("datagrams", "datagrams"), ("sprig-instance", disk::COMMAND)];

/// And this one, which only tests put into an instance: into the folder of what is made.
const HOSTILE: &str = "hostile-partition";

/// How the `sprig` command is built. The boot image is always optimised.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ValueEnum)]
pub(crate) enum Profile {
    #[default]
    Debug,
    Release,
}

impl Profile {
    /// Its name for cargo.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Profile::Debug => "dev",
            Profile::Release => "release",
        }
    }

    /// Where cargo puts programs of it, within its target folder.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Profile::Debug => "debug",
            Profile::Release => "release",
        }
    }
}

#[derive(Args, Default)]
pub(crate) struct Options {
    /// How to build the `sprig` command
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
    /// Build the driver only for these lines of kernels, separated by commas
    #[arg(long, value_delimiter = ',')]
    lines: Vec<KernelLine>,
}

impl Options {
    /// Options to build the driver for this line only.
    pub(crate) fn for_line(line: KernelLine) -> Options {
        Options { lines: vec![line], ..Options::default() }
    }
}

/// Builds all of them.
pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    let lines = if options.lines.is_empty() { KernelLine::value_variants() } else { &options.lines };
    setup::ensure_for_lines(places, lines, &[Item::Sysroot, Item::Initrd, Item::Kbuild])?;
    boot_image(places)?;
    driver::build(places, lines)?;
    let programs = programs(places)?;
    initrd::pack(places, &programs)?;
    disk::pack(places, &programs)?;
    progress::headline("build", "the sprig command");
    process::shown_run(&mut places.cargo(&["build", "-p", "cli", "--profile", options.profile.name()]), CARGO_LIMIT)
}

/// Builds the boot image and puts it where the `sprig` command looks for it.
pub(crate) fn boot_image(places: &Places) -> Result<()> {
    progress::headline("build", "the boot image");
    process::shown_run(&mut bare_metal_cargo(places, "build")?, CARGO_LIMIT)?;
    let built = places.target.join(BARE_METAL).join("release/sprig-boot");
    let image = places.boot_image();
    // By renaming the file appears at once, and a program that reads the old one is not disturbed.
    let fresh = image.with_extension("elf.new");
    fs::copy(&built, &fresh).with_context(|| format!("cargo left no {}", built.display()))?;
    fs::rename(&fresh, &image).with_context(|| format!("cannot put {} into place", image.display()))
}

/// Builds the programs for instances. They are static, because they do not run with this host's libraries.
fn programs(places: &Places) -> Result<Vec<Program>> {
    progress::headline("build", "the programs that run in instances");
    let mut command = places.cargo(&["build", "--release", "--target", INSTANCE]);
    let packages = PROGRAMS.map(|(package, _)| package);
    command.args(packages.into_iter().chain([HOSTILE]).map(|name| format!("--package={name}")));
    remapping::set_flags(
        places,
        &mut command,
        &["-Ctarget-feature=+crt-static", "-Cstrip=symbols"].map(OsString::from),
    )?;
    process::shown_run(&mut command, CARGO_LIMIT)?;
    let built = places.target.join(INSTANCE).join("release");
    fs::copy(built.join(HOSTILE), places.sprig.join(HOSTILE)).with_context(|| format!("cargo left no {HOSTILE}"))?;
    Ok(PROGRAMS.into_iter().map(|(package, name)| Program { path: built.join(package), name }).collect())
}

/// Builds the command `sprig` of instances.
pub(crate) fn instance_command(places: &Places) -> Result<Program> {
    let found = programs(places)?.into_iter().find(|program| program.name == disk::COMMAND);
    found.context("it is not among the programs that run in instances")
}

/// Cargo's `subcommand` on the boot image, for bare metal.
pub(crate) fn bare_metal_cargo(places: &Places, subcommand: &str) -> Result<Command> {
    let mut flags: Vec<OsString> = vec!["-Crelocation-model=static".into(), "-Ccode-model=small".into()];
    if let Sysroot::Private(path) = sysroot::find(places, Library::BareMetal)? {
        flags.extend(["--sysroot".into(), path.into()]);
    }
    let mut command = places.cargo(&[subcommand, "--release", "--target", BARE_METAL, "-p", "boot"]);
    // With `--target` the flags do not apply to build scripts and macros.
    remapping::set_flags(places, &mut command, &flags)?;
    Ok(command)
}
