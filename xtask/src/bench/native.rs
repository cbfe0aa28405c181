//! `cargo xtask bench native`: what the virtual Ethernet's own code reaches where nothing is emulated.
//!
//! The measuring is done by the bench `native` of the package `hosted`, two processes on two cores. Here it gets DPDK to
//! compare with, is built and run, and what it prints becomes a [`Bench`] with [targets](super::native_targets).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use cli::bench::model::{Bench, Measurement, SCHEMA, Setting};
use cli::bench::table::table;
use serde::Deserialize;

use super::native_targets;
use crate::places::Places;
use crate::process;
use crate::progress::{self, Step};
use crate::setup::{self, Item, dpdk};
use cli::bench::host::Watched;

const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);
const RUN_LIMIT: Duration = Duration::from_secs(3 * 60 * 60);

#[derive(Args)]
pub(super) struct Options {
    /// Samples of each question
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only the most telling questions
    #[arg(long)]
    quick: bool,
    /// The two cores, like 0,1 [default: the first two that it may run on]
    #[arg(long)]
    cores: Option<String>,
    /// How many numbered frames must all arrive as they were sent
    #[arg(long, default_value_t = native_targets::FRAMES)]
    frames: u64,
    /// Where the figures are written [default: bench/native.json in cargo's target folder]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures, writes and prints.
pub(super) fn run(places: &Places, options: &Options) -> Result<()> {
    let mut remarks = Vec::new();
    if let Err(error) = setup::ensure(places, &[Item::Dpdk]) {
        progress::headline("DPDK", &format!("cannot be had: {error:#}"));
    }
    let tree = dpdk::tree(&places.sprig);
    if tree.is_none() {
        remarks
            .push("measured without memif and vhost-user: DPDK is not here (cargo xtask setup --only dpdk)".to_owned());
    }
    let program = build(places)?;
    let host = Watched::begin()?;
    let mut lines = Vec::new();
    // What loses frames is no more worth measuring, but what was measured is kept.
    for parts in ["hand-off,index,frames,footprint,sleeping", "integrity"] {
        lines.extend(measure(&program, parts, options, tree.as_deref(), &mut remarks)?);
    }
    let host = host.end()?;
    if host.is_disturbed() {
        remarks.push(host.to_string().replace("\n ", ";"));
    }
    let bench = bench(lines, remarks, dpdk::version(&places.sprig))?;
    let path = options.json.clone().unwrap_or_else(|| places.target.join("bench").join("native.json"));
    write(&path, &bench)?;
    println!("\n{}", table(&bench));
    println!("written to {}", path.display());
    Ok(())
}

/// A line that the program prints.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Measurement(Measurement),
    Remark(String),
    Condition(String, String),
}

/// Builds the program, and tells where it is.
fn build(places: &Places) -> Result<PathBuf> {
    let step = Step::start("bench", "building");
    let mut cargo = places.cargo(&["build", "--release", "--package", "hosted", "--bench", "native"]);
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

/// Runs some parts of it. If it fails, what it has printed before counts, and why it failed is a remark.
fn measure(
    program: &Path,
    parts: &str,
    options: &Options,
    tree: Option<&Path>,
    remarks: &mut Vec<String>,
) -> Result<Vec<Line>> {
    progress::headline("bench", parts);
    let printed = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
    let mut command = std::process::Command::new(program);
    command.args(["--bench", "--only", parts, "--rounds", &options.rounds.to_string()]);
    command.args(["--frames", &options.frames.to_string()]);
    if options.quick {
        command.arg("--quick");
    }
    if let Some(cores) = &options.cores {
        command.args(["--cores", cores]);
    }
    if let Some(tree) = tree {
        command.arg("--dpdk").arg(tree);
    }
    command.stdout(printed.reopen()?);
    if let Err(error) = process::shown_run(&mut command, RUN_LIMIT) {
        remarks.push(format!("of the parts {parts} some were not measured: {}", why(&error)));
    }
    read(&printed.reopen()?)
}

/// The error without the command line, which says nothing to whoever reads a table.
fn why(error: &anyhow::Error) -> String {
    let text = error.to_string();
    text.rsplit_once("` ").map_or(text.clone(), |(_, why)| format!("the bench {why}, see above"))
}

fn read(printed: &File) -> Result<Vec<Line>> {
    let parse = |line: std::io::Result<String>| {
        let line = line?;
        serde_json::from_str(&line).with_context(|| format!("the bench printed what is no line of its own: {line}"))
    };
    BufReader::new(printed).lines().map(parse).collect()
}

fn bench(lines: Vec<Line>, mut remarks: Vec<String>, dpdk: Option<String>) -> Result<Bench> {
    let mut conditions = BTreeMap::from([("processor".to_owned(), processor()), ("kernel".to_owned(), kernel()?)]);
    conditions.extend(dpdk.map(|version| ("DPDK".to_owned(), version)));
    let mut measurements = Vec::new();
    for line in lines {
        match line {
            Line::Measurement(measurement) => measurements.push(measurement),
            Line::Remark(remark) => remarks.push(remark),
            Line::Condition(name, condition) => drop(conditions.insert(name, condition)),
        }
    }
    if measurements.is_empty() {
        bail!("nothing could be measured: {}", remarks.last().map_or("no reason was given", String::as_str));
    }
    Ok(Bench {
        schema: SCHEMA,
        setting: Setting::Native,
        title: "Two processes on two cores, by the driver's own code".to_owned(),
        conditions,
        targets: native_targets::targets(&measurements),
        measurements,
        remarks,
    })
}

fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or("unknown".to_owned(), |(_, name)| name.to_owned())
}

fn kernel() -> Result<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").context("cannot read the kernel's release")?;
    Ok(release.trim().to_owned())
}

fn write(path: &Path, bench: &Bench) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let text = serde_json::to_string_pretty(bench)? + "\n";
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
