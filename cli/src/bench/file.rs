//! A `bench.json`, read back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use super::model::{Bench, SCHEMA};

/// Why a file is no bench.
#[derive(Error, Debug)]
pub enum ReadError {
    /// It is not there, or may not be read.
    #[error("cannot read the bench {}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is something else.
    #[error("{} is no bench that `sprig bench` or `cargo xtask bench` wrote", file.display())]
    NoBench {
        /// The file.
        file: PathBuf,
        /// Where it stops being one.
        source: serde_json::Error,
    },
    /// It was written by another version.
    #[error(
        "{} has schema {found}, and this sprig reads {SCHEMA}: run the bench again, or use the sprig that wrote it",
        file.display()
    )]
    OtherSchema {
        /// The file.
        file: PathBuf,
        /// What it says it is.
        found: u32,
    },
    /// It claims a measurement that has none.
    #[error(
        "{}: measurement {number} ({what} of {subject}) has no samples: leave out what was not measured",
        file.display()
    )]
    NoSamples {
        /// The file.
        file: PathBuf,
        /// Which, from 1.
        number: usize,
        /// What was measured.
        what: String,
        /// Who was asked.
        subject: String,
    },
}

/// What every schema has.
#[derive(Deserialize)]
struct Header {
    schema: u32,
}

/// Reads a bench.
///
/// # Errors
/// If the file cannot be read, is no bench, or is one of another schema.
pub fn read(file: &Path) -> Result<Bench, ReadError> {
    let text = fs::read_to_string(file).map_err(|source| ReadError::Unreadable { file: file.to_owned(), source })?;
    let no_bench = |source| ReadError::NoBench { file: file.to_owned(), source };
    // The schema first: what another one holds is not this one's to judge.
    let Header { schema } = serde_json::from_str(&text).map_err(no_bench)?;
    if schema != SCHEMA {
        return Err(ReadError::OtherSchema { file: file.to_owned(), found: schema });
    }
    let bench: Bench = serde_json::from_str(&text).map_err(no_bench)?;
    let mut measured = bench.measurements.iter().enumerate();
    if let Some((index, measurement)) = measured.find(|(_, measurement)| measurement.samples.is_empty()) {
        let (what, subject) = (measurement.what.clone(), measurement.subject.clone());
        return Err(ReadError::NoSamples { file: file.to_owned(), number: index + 1, what, subject });
    }
    Ok(bench)
}
