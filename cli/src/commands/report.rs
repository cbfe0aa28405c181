//! `sprig report`: makes a page from the files that benches wrote.

use std::path::PathBuf;

use anyhow::Result;
use bench::file::read;
use bench::report::pages;
use emulator::input_file::STANDARD_STREAM;
use emulator::output_file::OutputFile;

use super::print;

/// Make one page with tables and plots from what benches measured
///
/// The page needs nothing else: it may be sent, printed and kept.
#[derive(clap::Args)]
pub struct Report {
    /// Result files of `sprig bench` or `cargo xtask bench`, in the order of the page
    #[arg(required = true, value_name = "BENCH.json")]
    benches: Vec<PathBuf>,
    /// Where to put the page; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,
}

impl Report {
    /// Writes the page.
    ///
    /// # Errors
    /// If a file is no bench, or the page cannot be written.
    pub fn run(&self) -> Result<()> {
        let benches = self.benches.iter().map(|file| read(file)).collect::<Result<Vec<_>>>()?;
        let page = pages(&benches);
        if self.output.as_os_str() == STANDARD_STREAM {
            return print(&page);
        }
        OutputFile::new(&self.output, self.benches.clone())?.write(page.as_bytes())?;
        print(&format!("wrote {}\n", self.output.display()))
    }
}
