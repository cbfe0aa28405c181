//! Reads and writes `bench.json`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use emulator::input_file::{self, InputError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::{Bench, SCHEMA};

/// Why a file is no bench.
#[derive(Error, Debug)]
pub enum ReadError {
    /// It does not exist, or may not be read.
    #[error("cannot read the bench {}", .0.display())]
    Unreadable(PathBuf, #[source] InputError),
    /// It is something else.
    #[error("{} is no bench that `sprig bench` or `cargo xtask bench` wrote", .0.display())]
    NoBench(PathBuf, #[source] serde_json::Error),
    /// Another version wrote it, with this schema.
    #[error(
        "{path} has schema {1}, and this sprig reads {SCHEMA}: run the bench again, or use the sprig that wrote it",
        path = .0.display()
    )]
    OtherSchema(PathBuf, u32),
    /// A measurement has no samples.
    #[error("{path}: measurement {1} has no samples: leave out what was not measured", path = .0.display())]
    NoSamples(PathBuf, String),
}

/// The longest bench.
const LEN_MOST: u64 = 256 << 20;

/// What every schema has.
#[derive(Deserialize)]
struct Header {
    schema: u32,
}

/// Reads a bench.
///
/// # Errors
/// If the file cannot be read, is no bench, or has another schema.
pub fn read(file: &Path) -> Result<Bench, ReadError> {
    let text = input_file::read(file, LEN_MOST).map_err(|error| ReadError::Unreadable(file.to_owned(), error))?;
    let no_bench = |error| ReadError::NoBench(file.to_owned(), error);
    // The schema first: the rest of another schema may be anything.
    let Header { schema } = serde_json::from_slice(&text).map_err(no_bench)?;
    if schema != SCHEMA {
        return Err(ReadError::OtherSchema(file.to_owned(), schema));
    }
    let bench: Bench = serde_json::from_slice(&text).map_err(no_bench)?;
    match (1..).zip(&bench.measurements).find(|(_, measurement)| measurement.samples.is_empty()) {
        None => Ok(bench),
        Some((number, measurement)) => {
            let name = format!("{number} ({} of {})", measurement.case.what, measurement.case.subject);
            Err(ReadError::NoSamples(file.to_owned(), name))
        }
    }
}

/// Writes a bench, or other figures, as JSON for people to read too; makes the folder.
///
/// # Errors
/// What the system says.
pub fn write(file: &Path, figures: &impl Serialize) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, serde_json::to_string_pretty(figures)? + "\n")
}
