//! `cargo xtask bench box`: makes what `sprig bench` needs, and has it measure `examples/bench.toml` against all that it
//! knows, two machines joined by virtio among them.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::box_file;
use crate::build;
use crate::places::Places;
use crate::process;
use crate::setup::{self, KernelLine};

/// A full run ends within half of it.
const LIMIT: Duration = Duration::from_secs(60 * 60);

#[derive(Args)]
pub(super) struct Options {
    /// Which line of kernels
    #[arg(long, value_enum, default_value_t)]
    kernel: KernelLine,
    /// Where the figures are written [default: bench/box in cargo's target folder]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Further arguments for `sprig bench`, behind `--`
    #[arg(last = true, value_name = "ARGUMENT")]
    further: Vec<String>,
}

/// Builds and measures.
pub(super) fn run(places: &Places, options: &Options) -> Result<()> {
    let folder = places.target.join("bench");
    setup::ensure_for_boxes(places, options.kernel, &[])?;
    build::run(places, &build::Options::for_line(options.kernel))?;
    let file = box_file::bench(places, options.kernel, &folder)?;
    let mut sprig = Command::new(places.target.join("debug/sprig"));
    sprig.arg("bench").arg(file).arg("--boot-image").arg(places.boot_image());
    sprig.arg("--output").arg(options.output.clone().unwrap_or_else(|| folder.join("box")));
    sprig.args(["--pair", "web:db", "--against-virtio"]).args(&options.further);
    process::shown_run(&mut sprig, LIMIT)
}
