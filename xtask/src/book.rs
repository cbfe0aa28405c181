//! `cargo xtask book`: mdBook builds the book from `docs`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::places::Places;
use crate::process;
use crate::progress;
use crate::setup::mdbook::{self, Mdbook};

/// Limit for building the book, which takes a second.
const LIMIT: Duration = Duration::from_secs(120);

/// Builds the book in `target/book`. Fails if mdBook is not available.
pub(crate) fn run(places: &Places) -> Result<()> {
    match mdbook::ensure(places)? {
        Mdbook::Ready(program) => build(places, &program),
        Mdbook::Unavailable(why) => bail!("{why}"),
    }
}

/// Builds the book if mdBook is available; otherwise prints a warning that is hard to miss.
pub(crate) fn test(places: &Places) -> Result<()> {
    progress::headline("test", "the book");
    match mdbook::ensure(places)? {
        Mdbook::Ready(program) => build(places, &program),
        Mdbook::Unavailable(why) => {
            eprintln!("\nWARNING: NOT TESTED: whether the book builds\nWARNING: {why}\n");
            Ok(())
        }
    }
}

/// A warning of mdBook is an error here.
fn build(places: &Places, program: &Path) -> Result<()> {
    let folder: PathBuf = places.target.join("book");
    let mut command = Command::new(program);
    command.env("MDBOOK_LOG", "warn").arg("build").arg("--dest-dir").arg(&folder).arg(places.workspace.join("docs"));
    let output = process::run(&mut command, LIMIT)?;
    if !output.stderr.trim().is_empty() {
        bail!("mdBook warns about the book:\n{}", output.stderr.trim_end());
    }
    progress::headline("book", &folder.join("index.html").display().to_string());
    Ok(())
}
