//! `mdbook/`: mdBook, which builds the book from `docs`. It comes from crates.io and is compiled here.
//!
//! It is compiled without its server and its watcher, and without optimisation. So it takes about a minute on two
//! cores, and still builds this book in a second.

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

/// Limit for compiling it; two busy cores take a tenth of it.
const COMPILE_LIMIT: Duration = Duration::from_secs(30 * 60);

/// The result of making it. It is no error if crates.io cannot be reached, but it is one if mdBook does not compile.
pub(crate) enum Mdbook {
    /// The program.
    Ready(PathBuf),
    /// Why it cannot be fetched from crates.io, in one line.
    Unavailable(String),
}

/// Makes it available. Takes the lock of set-up.
pub(crate) fn ensure(places: &Places) -> Result<Mdbook> {
    let _lock = lock::take(&places.sprig)?;
    make(&BuildCache::open(&places.sprig)?, places)
}

/// Makes it available. The caller holds the lock.
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
    step.print(LABEL, &format!("compiling {VERSION} from crates.io"));
    cache.make(FOLDER, &stamp, |folder| compile(cache, places, folder, &step))?;
    step.done(&format!("{VERSION} from crates.io, compiled"));
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

/// The last cause that cargo names, in one line.
fn unavailable(error: &anyhow::Error) -> String {
    let text = error.to_string();
    let cause = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    format!("cannot fetch mdBook {VERSION} from crates.io: {cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_it_is_not_available_is_one_line() {
        let error = anyhow::anyhow!("`cargo info` failed\nerror: no index\n\nCaused by:\n  Could not resolve host\n");
        assert_eq!(
            unavailable(&error),
            format!("cannot fetch mdBook {VERSION} from crates.io: Could not resolve host")
        );
    }
}
