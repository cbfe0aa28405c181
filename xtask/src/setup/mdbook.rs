//! `mdbook/`: mdBook, which makes pages of `docs`. It comes from crates.io and is compiled here.
//!
//! Without its server and its watcher, and without optimisation, it compiles in about a minute on two cores; the book is
//! small enough for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::cache::BuildCache;
use super::lock;
use crate::places::Places;
use crate::process;
use crate::progress::{self, Step};

pub(super) const LABEL: &str = "mdBook";
const FOLDER: &str = "mdbook";
const VERSION: &str = "0.5.4";
const RECIPE: &str = "recipe 1";

/// Limit for compiling it; two slow cores need a tenth of it.
const COMPILE_LIMIT: Duration = Duration::from_secs(30 * 60);

/// What came of making it. To compile it and fail is an error; not to get it is none.
pub(crate) enum Mdbook {
    /// The program.
    Ready(PathBuf),
    /// Why crates.io did not give it, in one line.
    Unavailable(String),
}

/// Takes the lock of set-up, and makes it available.
pub(crate) fn ensure(places: &Places) -> Result<Mdbook> {
    let _lock = lock::take(&places.sprig)?;
    make(&BuildCache::open(&places.sprig)?, places)
}

/// Makes it available.
pub(super) fn make(cache: &BuildCache, places: &Places) -> Result<Mdbook> {
    let stamp = format!("{RECIPE} {VERSION}\n");
    let program = cache.path(FOLDER).join("bin/mdbook");
    if cache.stamp(FOLDER).is_some_and(|there| there == stamp) {
        progress::ready(LABEL, VERSION);
        return Ok(Mdbook::Ready(program));
    }
    let step = Step::start(LABEL, "looking for it on crates.io");
    if let Err(error) = process::output(&mut places.cargo(&["info", "--quiet", &package()]), process::QUICK) {
        step.dropped();
        return Ok(Mdbook::Unavailable(unavailable(&error)));
    }
    step.print(LABEL, &format!("compiling {VERSION} of crates.io"));
    cache.make(FOLDER, &stamp, |folder| compile(cache, places, folder, &step))?;
    step.done(&format!("{VERSION} of crates.io, compiled"));
    Ok(Mdbook::Ready(program))
}

fn package() -> String {
    format!("mdbook@{VERSION}")
}

fn compile(cache: &BuildCache, places: &Places, folder: &Path, step: &Step) -> Result<()> {
    let scratch = cache.scratch(FOLDER)?;
    let mut command =
        places.cargo(&["install", "--locked", "--debug", "--no-default-features", "--features", "search"]);
    command.arg("--root").arg(folder).arg("--target-dir").arg(scratch.path()).arg(package());
    command.env("CARGO_PROFILE_DEV_DEBUG", "0");
    let crates = scratch.path().join("debug/.fingerprint");
    let watch = || step.doing(&format!("compiling crate {}", fs::read_dir(&crates).map_or(0, Iterator::count)));
    process::output_watched(&mut command, COMPILE_LIMIT, watch).map(drop).context("cannot compile mdBook")
}

/// The deepest cause that cargo names, without the rest of what it printed.
fn unavailable(error: &anyhow::Error) -> String {
    let text = error.to_string();
    let cause = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    format!("crates.io does not give mdBook {VERSION}: {cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_it_is_not_available_is_one_line() {
        let error = anyhow::anyhow!("`cargo info` failed\nerror: no index\n\nCaused by:\n  Could not resolve host\n");
        assert_eq!(unavailable(&error), format!("crates.io does not give mdBook {VERSION}: Could not resolve host"));
    }
}
