//! Reads and writes `bench.json`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use emulator::input_file;
use serde::{Deserialize, Serialize};

use crate::model::{Bench, Case, SCHEMA};

const LEN_MOST: u64 = 256 << 20;

#[derive(Deserialize)]
struct Header {
    schema: u32,
}

/// Reads a bench.
///
/// # Errors
/// If the file cannot be read, is no bench, or has another schema.
pub fn read(file: &Path) -> Result<Bench> {
    let path = file.display();
    let text = input_file::read(file, LEN_MOST).with_context(|| format!("cannot read the bench {path}"))?;
    let no_bench = || format!("{path} is no bench that `sprig bench` or `cargo xtask bench` wrote");
    // The schema first: the rest of another schema may be anything.
    let Header { schema } = serde_json::from_slice(&text).with_context(no_bench)?;
    let help = "run the bench again, or use the sprig that wrote it";
    ensure!(schema == SCHEMA, "{path} has schema {schema}, and this sprig reads {SCHEMA}: {help}");
    let bench: Bench = serde_json::from_slice(&text).with_context(no_bench)?;
    if let Some(at) = bench.measurements.iter().position(|measurement| measurement.samples.is_empty()) {
        let (number, Case { what, subject, .. }) = (at + 1, &bench.measurements[at].case);
        bail!("{path}: measurement {number} ({what} of {subject}) has no samples: leave out what was not measured");
    }
    Ok(bench)
}

/// Writes a bench, or other figures, as JSON for people to read too; makes the folder.
///
/// # Errors
/// What the system says.
pub fn write(file: &Path, figures: &impl Serialize) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let text = serde_json::to_string_pretty(figures)? + "\n";
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
