//! `cargo xtask bench native`: what the virtual Ethernet's own code reaches where nothing is emulated.
//!
//! The program `native` of the package `bench` measures with two processes on two cores, prints the table and writes the
//! file. Here it is built, and gets DPDK.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use bench::targets::native::FRAMES;
use clap::Args;

use crate::places::Places;
use crate::process;
use crate::progress::{self, Step};
use crate::setup::{self, Item, dpdk};

const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);
const RUN_LIMIT: Duration = Duration::from_secs(3 * 60 * 60);
const PARTS: &str = "hand-off,index,frames,footprint,sleeping,integrity";

#[derive(Args)]
pub(super) struct Options {
    /// Samples of each case
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only the most important cases
    #[arg(long)]
    quick: bool,
    /// The two cores, like 0,1 [default: the first two that it may run on]
    #[arg(long)]
    cores: Option<String>,
    /// How many numbered frames must all arrive as they were sent
    #[arg(long, default_value_t = FRAMES)]
    frames: u64,
    /// Where the figures are written [default: bench/native.json in cargo's target folder]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(super) fn run(places: &Places, options: &Options) -> Result<()> {
    if let Err(error) = setup::ensure(places, &[Item::Dpdk]) {
        progress::headline("DPDK", &format!("cannot be had: {error:#}"));
    }
    let program = build(places)?;
    let json = options.json.clone().unwrap_or_else(|| places.target.join("bench/native.json"));
    let mut command = Command::new(program);
    command.args(["--bench", "--only", PARTS, "--rounds", &options.rounds.to_string()]);
    command.args(["--frames", &options.frames.to_string()]).arg("--json").arg(&json);
    command.args(options.quick.then_some("--quick"));
    command.args(options.cores.iter().flat_map(|cores| ["--cores", cores]));
    if let Some(tree) = dpdk::tree(&places.sprig) {
        command.arg("--dpdk").arg(tree);
        command.args(dpdk::version(&places.sprig).iter().flat_map(|version| ["--dpdk-version", version]));
    }
    process::shown_run(&mut command, RUN_LIMIT)?;
    println!("written to {}", json.display());
    Ok(())
}

/// Builds the program. Returns where it is.
fn build(places: &Places) -> Result<PathBuf> {
    let step = Step::start("bench", "building");
    let mut cargo = places.cargo(&["build", "--release", "--package", "bench", "--bench", "native"]);
    let messages = process::output(cargo.args(["--message-format", "json"]), BUILD_LIMIT)?;
    let executable = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_it = message["target"]["name"] == "native" && message["target"]["kind"][0] == "bench";
        is_it.then(|| message["executable"].as_str().map(PathBuf::from)).flatten()
    };
    let program = messages.lines().find_map(executable).context("cargo does not say where it put the bench")?;
    step.done("built");
    Ok(program)
}
