//! `cargo xtask lint`: formatting, clippy for the host and for bare metal, and what examines the driver's shim.

use anyhow::Result;

use crate::build::{self, CARGO_LIMIT};
use crate::examine;
use crate::fuzz;
use crate::places::Places;
use crate::process;
use crate::progress;
use crate::proofs;
use crate::setup::{self, Item};

/// Checks everything, and says at the end what was left out.
pub(crate) fn run_alone(places: &Places) -> Result<()> {
    let outcome = run(places);
    progress::closing_lines();
    outcome
}

/// Checks everything, and stops at the first error.
pub(crate) fn run(places: &Places) -> Result<()> {
    setup::ensure(places, &[Item::Sysroot])?;
    progress::headline("lint", "formatting");
    process::shown_run(&mut places.cargo(&["fmt", "--all", "--check"]), CARGO_LIMIT)?;
    progress::headline("lint", "clippy for the host");
    let host = ["clippy", "--workspace", "--exclude", "boot", "--all-targets", "--", "-Dwarnings"];
    process::shown_run(&mut places.cargo(&host), CARGO_LIMIT)?;
    progress::headline("lint", "clippy for what is built apart: models and fuzzing");
    process::shown_run(proofs::model_cargo(places, "clippy").args(["--", "-Dwarnings"]), CARGO_LIMIT)?;
    process::shown_run(&mut fuzz::cargo(places, &["fmt", "--check"]), CARGO_LIMIT)?;
    let fuzzing = ["clippy", "--no-default-features", "--", "-Dwarnings"];
    process::shown_run(&mut fuzz::cargo(places, &fuzzing), CARGO_LIMIT)?;
    progress::headline("lint", "clippy for bare metal");
    let mut bare_metal = build::bare_metal_cargo(places, "clippy")?;
    process::shown_run(bare_metal.args(["-p", "guest-driver", "--", "-Dwarnings"]), CARGO_LIMIT)?;
    examine::run(places)
}
