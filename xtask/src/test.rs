//! `cargo xtask test`: all tests, the fastest first.
//!
//! Units, properties, foreign parsers and proofs need only this host. The book needs mdBook. Boxes boot in the emulator
//! and need what set-up and build make, which they find through `$SPRIG_ROOT`. All find the emulator through
//! `$SPRIG_QEMU`.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use emulator::qemu::Emulator;

use crate::book;
use crate::build::{self, CARGO_LIMIT};
use crate::driver;
use crate::initrd;
use crate::lint;
use crate::package::deb;
use crate::places::Places;
use crate::process;
use crate::progress;
use crate::proofs;
use crate::setup::{self, Item};

/// The package with the tests of the whole, and its test that boots boxes.
const WHOLE: &str = "tests";
const BOXES: &str = "boxes";
/// Its test of the driver under a kernel that set-up makes only for it.
const CHECKED: &str = "checked";
/// Its test of what people install, which needs what boxes need, and makes packages.
const PACKAGE: &str = "package";
/// Tests that do not belong to the units.
const NO_UNITS: [&str; 3] = [BOXES, CHECKED, PACKAGE];

/// Limit for all boxes together; each box has shorter ones of its own.
const BOXES_LIMIT: Duration = Duration::from_secs(75 * 60);

/// Limit for the box with checks: emulated, KASAN makes everything several times slower.
const CHECKED_LIMIT: Duration = Duration::from_secs(60 * 60);

/// How many boxes boot at a time: each takes several emulated cores, but half of its time it waits.
const BOXES_AT_ONCE: &str = "--test-threads=3";

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Part {
    /// Units, properties, foreign parsers, and the book
    Units,
    /// The protocol under a model checker, ThreadSanitizer and Miri, and a minute of fuzzing
    Proofs,
    /// Boxes booted in the emulator, and what people install
    Boxes,
    /// A box with a kernel that watches the driver (lockdep, KASAN, kmemleak), which is built from source first
    CheckedKernel,
}

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Run only this part, and do not lint
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Also boot boxes that differ in one thing from another that is booted anyway
    #[arg(long)]
    matrix: bool,
    /// Run only tests whose names contain this
    filter: Option<String>,
}

/// Runs what the options name. If a test fails, the others run nevertheless.
pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    let outcome = run_parts(places, options);
    progress::closing_lines();
    outcome
}

fn run_parts(places: &Places, options: &Options) -> Result<()> {
    let filter = options.filter.as_deref();
    match options.only {
        Some(Part::Units) => units(places, filter),
        Some(Part::Proofs) => proofs::run(places, filter),
        Some(Part::Boxes) => {
            make_all(places)?;
            boxes(places, options)
        }
        Some(Part::CheckedKernel) => checked_kernel(places),
        None => {
            make_all(places)?;
            lint::run(places)?;
            let units = units(places, filter);
            let proofs = proofs::run(places, filter);
            let boxes = boxes(places, options);
            units.and(proofs).and(boxes)
        }
    }
}

/// Makes everything that boxes need.
pub(crate) fn make_all(places: &Places) -> Result<()> {
    setup::run(places, &setup::Options::default())?;
    build::run(places, &build::Options::default())
}

/// The tests that ask a TAP interface say only among all others that they did nothing.
fn note_missing_interfaces() {
    let is_root = fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0);
    let is_there = File::options().read(true).write(true).open("/dev/net/tun").is_ok();
    let has_ip = process::output(Command::new("ip").arg("-V"), process::QUICK).is_ok();
    if !(is_root && is_there && has_ip) {
        progress::left_out("offload metadata and sprig-tap against TAP interfaces: it takes root, /dev/net/tun and ip");
    }
}

fn units(places: &Places, filter: Option<&str>) -> Result<()> {
    note_missing_interfaces();
    progress::headline("test", "units, properties, foreign parsers");
    let mut rest = places.cargo(&["test", "--no-fail-fast", "--workspace", "--exclude", "boot", "--exclude", WHOLE]);
    rest.env("SPRIG_QEMU", emulator(places).program());
    let rest = process::shown_run(rest.args(filter), CARGO_LIMIT);

    let mut whole = places.cargo(&["test", "--no-fail-fast", "-p", WHOLE]);
    for name in test_targets(places)?.iter().filter(|name| !NO_UNITS.contains(&name.as_str())) {
        whole.args(["--test", name]);
    }
    let whole = process::shown_run(whole.args(filter), CARGO_LIMIT);
    // A filter selects tests by their names, and the book has none.
    let book = if filter.is_none() { book::test(places) } else { Ok(()) };
    rest.and(whole).and(book)
}

fn boxes(places: &Places, options: &Options) -> Result<()> {
    if !test_targets(places)?.iter().any(|name| name == BOXES) {
        bail!("the package {WHOLE} has no test named {BOXES}");
    }
    progress::headline("test", "boxes in the emulator");
    let mut command = boxes_cargo(places, BOXES);
    command.arg(BOXES_AT_ONCE).args(&options.filter);
    if options.matrix {
        command.arg("--include-ignored");
    }
    let boxes = process::shown_run(&mut command, BOXES_LIMIT);
    boxes.and(package(places, options))
}

/// Tries the packages, where they can be made.
fn package(places: &Places, options: &Options) -> Result<()> {
    if !deb::can_be_made() {
        progress::left_out("packages for Debian: there is no dpkg-deb");
        return Ok(());
    }
    progress::headline("test", "what people install");
    process::shown_run(boxes_cargo(places, PACKAGE).args(&options.filter), CARGO_LIMIT)
}

/// Runs the box tests with these words in their names, one after another and with all that they print.
pub(crate) fn soak(places: &Places, filter: &str, variable: (&str, &str), limit: Duration) -> Result<()> {
    make_all(places)?;
    progress::headline("test", "boxes in the emulator, for long");
    let mut command = boxes_cargo(places, BOXES);
    command.args(["--test-threads=1", "--nocapture", filter]).env(variable.0, variable.1);
    process::shown_run(&mut command, limit)
}

/// Makes a kernel with checks, the driver for it, and a box with both, which is then tried.
fn checked_kernel(places: &Places) -> Result<()> {
    make_all(places)?;
    setup::ensure(places, &[Item::CheckedKernel])?;
    driver::build_checked(places)?;
    initrd::pack_checked(places)?;
    progress::headline("test", "the driver under a kernel that watches it");
    process::shown_run(boxes_cargo(places, CHECKED).arg("--nocapture"), CHECKED_LIMIT)
}

/// Cargo's command for a test that boots boxes, with all that they need; what follows is for the test itself.
fn boxes_cargo(places: &Places, name: &str) -> Command {
    let mut command = places.cargo(&["test", "-p", WHOLE, "--test", name, "--"]);
    command
        .env("SPRIG_ROOT", &places.sprig)
        .env("SPRIG_COMMAND", places.target.join("debug/sprig"))
        .env("SPRIG_QEMU", emulator(places).program());
    command
}

/// The emulator for the tests: their programs are not in a folder from which they would find it.
fn emulator(places: &Places) -> Emulator {
    Emulator::find(Some(&places.boot_image()))
}

/// Names of the integration tests of the package [`WHOLE`].
fn test_targets(places: &Places) -> Result<Vec<String>> {
    let metadata = places.metadata()?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let package = packages.iter().find(|package| package["name"] == WHOLE);
    let targets = package.and_then(|package| package["targets"].as_array());
    let targets = targets.with_context(|| format!("the workspace has no package {WHOLE}"))?;
    let tests = targets.iter().filter(|target| target["kind"][0] == "test");
    Ok(tests.filter_map(|target| target["name"].as_str().map(str::to_owned)).collect())
}
