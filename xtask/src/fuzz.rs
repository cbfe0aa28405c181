//! `cargo xtask fuzz`: libFuzzer makes bytes for all that reads bytes from elsewhere, guided by coverage.
//!
//! The targets are those of `tests/fuzz`, whose README says what each is for. Their seeds are in `tests/fuzz/corpus`.
//! Inputs that reached new code stay in `target/fuzz/corpus`, and the next call continues from them. One that fails is
//! kept in `target/fuzz/failed`, and its name is printed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::build::CARGO_LIMIT;
use crate::places::Places;
use crate::process;
use crate::progress;
use crate::proofs::{self, HOST};

/// What there is to fuzz.
const TARGETS: [&str; 7] = ["hostile", "server", "box-file", "firmware", "bzimage", "bundle", "kernel-log"];

/// Flags for libFuzzer's coverage, and for AddressSanitizer, which reports accesses outside of the window.
const FLAGS: &str = "-Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 \
    -Cdebug-assertions --cfg visible_copies";

/// Longest input, in bytes.
const LONGEST: u32 = 8 << 10;
/// Seconds after which an input counts as endless.
const ENDLESS: u32 = 20;
/// For all targets together, unless one says otherwise.
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Args)]
pub(crate) struct Options {
    /// Fuzz only this
    #[arg(value_parser = TARGETS)]
    target: Option<String>,
    /// How long to search, in all: 90s, 10m, 2h
    #[arg(long, value_parser = parse_time, default_value = "60s")]
    time: Duration,
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time: give a number and s, m or h, such as 90s");
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

/// Fuzzes as the options say. If a target fails, the others run nevertheless.
pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    if !proofs::has_runtime(places, "asan")? {
        bail!("this toolchain has no AddressSanitizer: only the fixed scripts of `cargo xtask test` can run");
    }
    let targets: Vec<&str> =
        TARGETS.into_iter().filter(|it| options.target.as_deref().is_none_or(|of| of == *it)).collect();
    build(places)?;
    let each = options.time / targets.len() as u32;
    targets.into_iter().map(|target| fuzz(places, target, each)).fold(Ok(()), Result::and)
}

/// What `cargo xtask test` does of it: a minute, in all.
pub(crate) fn minute(places: &Places) -> Result<()> {
    if !proofs::has_runtime(places, "asan")? {
        progress::left_out("fuzzing: this toolchain has no AddressSanitizer");
        return Ok(());
    }
    run(places, &Options { target: None, time: MINUTE })
}

fn build(places: &Places) -> Result<()> {
    progress::headline("fuzz", "build the targets, with AddressSanitizer");
    let mut command = cargo(places, &["build", "--release", "--target", HOST]);
    process::shown_run(command.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", FLAGS), CARGO_LIMIT)
}

fn fuzz(places: &Places, target: &str, time: Duration) -> Result<()> {
    let seconds = time.as_secs().max(1);
    progress::headline("fuzz", &format!("{target}, for {seconds} s"));
    let [found, failed] = ["corpus", "failed"].map(|name| folder(places).join(name).join(target));
    for folder in [&found, &failed] {
        fs::create_dir_all(folder)?;
    }
    let mut command = Command::new(folder(places).join(HOST).join("release").join(target));
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={ENDLESS}"))
        .arg(format!("-max_len={LONGEST}"))
        .arg(format!("-artifact_prefix={}/", failed.display()))
        .arg("-verbosity=0")
        .arg("-print_funcs=0")
        .arg("-print_final_stats=1")
        .arg(&found)
        .arg(sources(places).join("corpus").join(target));
    let outcome = process::shown_run(&mut command, CARGO_LIMIT + time);
    outcome.with_context(|| format!("{target} fails: run it again with the file in {}", failed.display()))
}

/// Cargo on the fuzzing package, which is a workspace of its own.
pub(crate) fn cargo(places: &Places, arguments: &[&str]) -> Command {
    let mut command = places.cargo(arguments);
    command.current_dir(sources(places)).env("CARGO_TARGET_DIR", folder(places));
    command
}

fn sources(places: &Places) -> PathBuf {
    places.workspace.join("tests/fuzz")
}

fn folder(places: &Places) -> PathBuf {
    places.target.join("fuzz")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("2h", 7200)] {
            assert_eq!(parse_time(text), Ok(Duration::from_secs(seconds)));
        }
        for text in ["", "h", "10", "1d", "-1s", "1ä"] {
            assert!(parse_time(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn every_target_is_one_of_the_package_and_has_seeds() {
        let package = include_str!("../../tests/fuzz/Cargo.toml");
        let named: Vec<&str> = package.lines().filter_map(|line| line.strip_prefix("name = \"")).collect();
        assert_eq!(named[1..].iter().map(|name| name.trim_end_matches('"')).collect::<Vec<_>>(), TARGETS);
        for target in TARGETS {
            let seeds = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus").join(target);
            assert!(seeds.read_dir().is_ok_and(|mut seeds| seeds.next().is_some()), "{}", seeds.display());
        }
    }
}
