//! `sprig report`: makes a page from the files that benches wrote.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use bench::file::read;
use bench::report::pages;

use super::print;

/// Make one page with tables and plots from what benches measured
///
/// The page needs nothing else: it may be sent, printed and kept.
#[derive(clap::Args)]
pub struct Report {
    /// Result files of `sprig bench` or `cargo xtask bench`, in the order of the page
    #[arg(required = true, value_name = "BENCH.json")]
    benches: Vec<PathBuf>,
    /// Where to put the page
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,
}

impl Report {
    /// Writes the page.
    ///
    /// # Errors
    /// If a file is no bench, or the page cannot be written.
    pub fn run(&self) -> Result<()> {
        let benches = self.benches.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
        let output = self.output.display();
        if let Some(bench) = self.benches.iter().find(|bench| **bench == self.output) {
            bail!("{} is an input: name another output with -o", bench.display());
        }
        fs::write(&self.output, pages(&benches)).with_context(|| format!("cannot write the page {output}"))?;
        print(&format!("wrote {output}\n"))
    }
}
