//! `cargo xtask test`: everything, in the order in which a mistake is found soonest.
//!
//! Units, properties, foreign parsers and proofs need nothing but this host. Boxes boot in the emulator and need what set-up
//! and build make; they find it through `$SPRIG_ROOT`. All find the emulator through `$SPRIG_QEMU`.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use emulator::qemu::Emulator;

use crate::build::{self, CARGO_LIMIT};
use crate::lint;
use crate::places::Places;
use crate::process;
use crate::progress;
use crate::proofs;
use crate::setup;

/// The package whose tests look at the whole, and its test that boots boxes.
const WHOLE: &str = "tests";
const BOXES: &str = "boxes";

/// Limit for all boxes; each has its own, shorter ones.
const BOXES_LIMIT: Duration = Duration::from_secs(75 * 60);

/// How many boxes boot at a time: each takes several emulated cores.
const BOXES_AT_ONCE: &str = "--test-threads=2";

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Part {
    /// Units, properties and foreign parsers
    Units,
    /// The protocol under a model checker, ThreadSanitizer and Miri
    Proofs,
    /// Boxes booted in the emulator
    Boxes,
}

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Only this part, without linting
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Only tests whose name contains this
    filter: Option<String>,
}

/// Runs what the options name; fails if any test failed, after all of them ran.
pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    let filter = options.filter.as_deref();
    match options.only {
        Some(Part::Units) => units(places, filter),
        Some(Part::Proofs) => proofs::run(places, filter),
        Some(Part::Boxes) => {
            setup::run(places, &setup::Options::default())?;
            build::run(places, &build::Options::default())?;
            boxes(places, filter)
        }
        None => {
            setup::run(places, &setup::Options::default())?;
            build::run(places, &build::Options::default())?;
            lint::run(places)?;
            let units = units(places, filter);
            let proofs = proofs::run(places, filter);
            let boxes = boxes(places, filter);
            units.and(proofs).and(boxes)
        }
    }
}

fn units(places: &Places, filter: Option<&str>) -> Result<()> {
    progress::headline("test", "units, properties, foreign parsers");
    let mut rest = places.cargo(&["test", "--no-fail-fast", "--workspace", "--exclude", "boot", "--exclude", WHOLE]);
    rest.env("SPRIG_QEMU", emulator(places).program());
    let rest = process::shown_run(rest.args(filter), CARGO_LIMIT);

    let mut whole = places.cargo(&["test", "--no-fail-fast", "-p", WHOLE]);
    for name in test_targets(places)?.iter().filter(|name| *name != BOXES) {
        whole.args(["--test", name]);
    }
    rest.and(process::shown_run(whole.args(filter), CARGO_LIMIT))
}

fn boxes(places: &Places, filter: Option<&str>) -> Result<()> {
    if !test_targets(places)?.iter().any(|name| name == BOXES) {
        bail!("the package {WHOLE} has no test named {BOXES}");
    }
    progress::headline("test", "boxes in the emulator");
    let mut command = places.cargo(&["test", "-p", WHOLE, "--test", BOXES, "--"]);
    command
        .arg(BOXES_AT_ONCE)
        .args(filter)
        .env("SPRIG_ROOT", &places.sprig)
        .env("SPRIG_COMMAND", places.target.join("debug/sprig"))
        .env("SPRIG_QEMU", emulator(places).program());
    process::shown_run(&mut command, BOXES_LIMIT)
}

/// Tests lie where they cannot find it by themselves.
fn emulator(places: &Places) -> Emulator {
    Emulator::find(Some(&places.boot_image()))
}

/// Names of the integration tests of the package that looks at the whole.
fn test_targets(places: &Places) -> Result<Vec<String>> {
    let metadata = places.metadata()?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let package = packages.iter().find(|package| package["name"] == WHOLE);
    let targets = package.and_then(|package| package["targets"].as_array());
    let targets = targets.with_context(|| format!("the workspace has no package {WHOLE}"))?;
    let tests = targets.iter().filter(|target| target["kind"][0] == "test");
    Ok(tests.filter_map(|target| target["name"].as_str().map(str::to_owned)).collect())
}
