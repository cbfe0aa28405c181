//! `cargo xtask bench native`: what the virtual Ethernet's own code reaches where nothing is emulated.
//!
//! The program `native` of the package `bench` measures with two processes on two cores, prints the table and writes the
//! file. Here it is built, and gets DPDK.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use crate::places::Places;
use crate::process;
use crate::progress::{self, Step};
use crate::setup::{self, Item, dpdk};

const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);
const RUN_LIMIT: Duration = Duration::from_secs(3 * 60 * 60);
const PARTS: &str = "hand-off,index,frames,footprint,idle,sleeping,integrity";

#[derive(Args)]
pub(crate) struct Options {
    /// What the bench takes, such as --quick; `-- --help` lists all
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

pub(super) fn run(places: &Places, options: &Options) -> Result<()> {
    if let Err(error) = setup::ensure(places, &[Item::Dpdk]) {
        progress::headline("DPDK", &format!("cannot be had: {error:#}"));
    }
    let mut command = Command::new(build(places)?);
    command.args(["--bench", "--json"]).arg(places.target.join("bench/native.json"));
    if !options.arguments.iter().any(|argument| argument.to_string_lossy().starts_with("--only")) {
        command.args(["--only", PARTS]);
    }
    if let Some(tree) = dpdk::tree(&places.sprig) {
        command.arg("--dpdk").arg(tree);
        command.args(dpdk::version(&places.sprig).iter().flat_map(|version| ["--dpdk-version", version]));
    }
    process::shown_run(command.args(&options.arguments), RUN_LIMIT)
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
