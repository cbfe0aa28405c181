//! `cargo xtask bench compare`: what has become worse since a run that was recorded on this kind of processor.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use bench::regression::Regression;
use bench::{file, host, regression};
use clap::Args;

use crate::places::Places;

#[derive(Args)]
pub(crate) struct Options {
    /// The run to look at [default: bench/native.json in cargo's target folder]
    #[arg(value_name = "BENCH.json")]
    now: Option<PathBuf>,
    /// The recorded run [default: that of this kind of processor, in bench/recorded]
    #[arg(long, value_name = "BENCH.json")]
    against: Option<PathBuf>,
}

pub(super) fn run(places: &Places, options: &Options) -> Result<()> {
    let now = options.now.clone().unwrap_or_else(|| places.target.join("bench/native.json"));
    let made = "make one: cargo xtask bench native --quick";
    let now = file::read(&now).with_context(|| format!("there is no run to look at; {made}"))?;
    let then = match &options.against {
        Some(path) => path.clone(),
        None => recorded(places)?,
    };
    let (then_path, then) = (then.display().to_string(), file::read(&then)?);
    ensure!(
        then.setting == now.setting,
        "{then_path} is of another kind of bench ({:?}) than this run ({:?})",
        then.setting,
        now.setting
    );
    let Regression { compared, missing, fallen } = regression::regression(&then, &now);
    ensure!(compared > 0, "the run has nothing in common with {then_path}: was it made with the same options?");
    for remark in &now.remarks {
        println!("remark: {remark}");
    }
    for fall in &fallen {
        println!("fallen: {fall}");
    }
    if missing > 0 {
        println!("not measured now: {missing} cases of ours that {then_path} has");
    }
    println!("{compared} ratios compared with {then_path}, {} fallen by more than their spread", fallen.len());
    if fallen.is_empty() { Ok(()) } else { bail!("{} ratios have fallen", fallen.len()) }
}

/// The recorded run of this kind of processor.
fn recorded(places: &Places) -> Result<PathBuf> {
    let kind = host::kind()?;
    let path = places.workspace.join("bench/recorded").join(format!("native-{kind}.json"));
    ensure!(
        path.exists(),
        "no run is recorded for this kind of processor, {kind}; to record one, make it on a quiet machine and copy it: \
         cargo xtask bench native --quick && install -D {} {}",
        places.target.join("bench/native.json").display(),
        path.display()
    );
    Ok(path)
}
