//! `cargo xtask bench box` and `cargo xtask bench boxes`: they make what `sprig bench` needs and run it, on
//! `examples/bench.toml` with all subjects, two machines joined by virtio among them; or on `examples/gateway.toml` joined to
//! `examples/gateway-2.toml` by their cards.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::box_file;
use crate::build;
use crate::places::Places;
use crate::process;
use crate::setup::{self, KernelLine};

/// A full run takes half of it.
const LIMIT: Duration = Duration::from_secs(60 * 60);

#[derive(Args)]
pub(crate) struct Options {
    /// Which line of kernels
    #[arg(long, value_enum, default_value_t)]
    kernel: KernelLine,
    /// Where the figures are written [default: bench/box or bench/boxes in cargo's target folder]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Further arguments for `sprig bench`, behind `--`
    #[arg(last = true, value_name = "ARGUMENT")]
    further: Vec<String>,
}

pub(super) fn one(places: &Places, options: &Options) -> Result<()> {
    let file = box_file::bench(places, options.kernel, &folder(places))?;
    let arguments = ["--pair", "web:db", "--against-virtio"].map(OsString::from);
    run(places, options, "box", &file, &arguments)
}

pub(super) fn two(places: &Places, options: &Options) -> Result<()> {
    let [file, other] = box_file::gateways(places, options.kernel, &folder(places))?;
    run(places, options, "boxes", &file, &["--other-box".into(), other.into()])
}

fn folder(places: &Places) -> PathBuf {
    places.target.join("bench")
}

fn run(places: &Places, options: &Options, output: &str, file: &Path, arguments: &[OsString]) -> Result<()> {
    setup::ensure_for_boxes(places, options.kernel, &[])?;
    build::run(places, &build::Options::for_line(options.kernel))?;
    let mut sprig = Command::new(places.target.join("debug/sprig"));
    sprig.arg("bench").arg(file).arg("--boot-image").arg(places.boot_image());
    sprig.arg("--output").arg(options.output.clone().unwrap_or_else(|| folder(places).join(output)));
    process::shown_run(sprig.args(arguments).args(&options.further), LIMIT)
}
