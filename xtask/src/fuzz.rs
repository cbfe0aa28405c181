//! `cargo xtask fuzz`: libFuzzer makes scripts for a hostile partition, guided by coverage, for as long as you like.
//!
//! Scripts that reached new code stay in `target/fuzz/scripts`, and the next call continues from them. A script that
//! fails is kept beside them, and its name is printed. `vni/tests/hostile` plays the scripts.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;

use crate::build::CARGO_LIMIT;
use crate::places::Places;
use crate::process;
use crate::progress;
use crate::proofs::{self, HOST};

/// Flags for libFuzzer's coverage, and for AddressSanitizer, which reports accesses outside of the window.
const FLAGS: &str = "-Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 \
    -Cdebug-assertions --cfg visible_copies";

/// Longest script, in bytes.
const LONGEST: u32 = 8 << 10;
/// Seconds after which a script counts as endless.
const ENDLESS: u32 = 20;

#[derive(Args)]
pub(crate) struct Options {
    /// How long to search
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    if !proofs::has_runtime(places, "asan")? {
        bail!("this toolchain has no AddressSanitizer: only the fixed scripts of `cargo xtask test` can run");
    }
    let folder = folder(places);
    let scripts = folder.join("scripts");
    fs::create_dir_all(&scripts)?;
    progress::headline("fuzz", "the hostile partition's player");
    let mut command = cargo(places, &["run", "--release", "--target", HOST, "--"]);
    command
        .arg(format!("-max_total_time={}", options.seconds))
        .arg(format!("-timeout={ENDLESS}"))
        .arg(format!("-max_len={LONGEST}"))
        .arg(format!("-artifact_prefix={}/", folder.display()))
        .arg(&scripts)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", FLAGS);
    process::shown_run(&mut command, CARGO_LIMIT + Duration::from_secs(options.seconds.into()))
}

/// Cargo on the fuzzing package, which is a workspace of its own.
pub(crate) fn cargo(places: &Places, arguments: &[&str]) -> Command {
    let mut command = places.cargo(arguments);
    command.current_dir(places.workspace.join("vni/fuzz")).env("CARGO_TARGET_DIR", folder(places));
    command
}

fn folder(places: &Places) -> PathBuf {
    places.target.join("fuzz")
}
