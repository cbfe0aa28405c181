//! Proofs of the virtual Ethernet's protocol beyond its tests: a model checker, ThreadSanitizer and Miri. After them a
//! minute of fuzzing of all that reads bytes from elsewhere.
//!
//! Each is built in a folder of its own below the target folder, because each compiles all of the code differently.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::build::CARGO_LIMIT;
use crate::fuzz;
use crate::places::Places;
use crate::process;
use crate::progress;

/// The target of this host, named so that flags do not reach build scripts and macros.
pub(crate) const HOST: &str = "x86_64-unknown-linux-gnu";

/// Compiler flags for a sanitizer; a stable compiler accepts them only with `RUSTC_BOOTSTRAP`.
const THREAD_FLAGS: &str = "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --cfg visible_copies";

/// Limit for one run of a program.
const RUN_LIMIT: Duration = Duration::from_secs(120);

/// Runs all of them, and a minute of fuzzing. If one fails, the others run nevertheless.
pub(crate) fn run(places: &Places, filter: Option<&str>) -> Result<()> {
    let proofs = [model_checker(places, filter), thread_sanitizer(places), miri(places)];
    // A filter selects tests by their names, and fuzzing has none.
    let fuzzing = if filter.is_none() { fuzz::minute(places) } else { Ok(()) };
    proofs.into_iter().fold(Ok(()), Result::and).and(fuzzing)
}

fn model_checker(places: &Places, filter: Option<&str>) -> Result<()> {
    progress::headline("prove", "every schedule of the protocol's models, and that each weakened twin fails");
    process::shown_run(model_cargo(places, "test").args(["--"]).args(filter), CARGO_LIMIT)
}

/// Cargo's `subcommand` on the models.
pub(crate) fn model_cargo(places: &Places, subcommand: &str) -> Command {
    let mut command = places.cargo(&[subcommand, "-p", "vni", "--test", "loom"]);
    // Without backtraces: thousands of schedules fail, as expected.
    command.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", places.target.join("loom"));
    command.env("RUST_BACKTRACE", "0");
    command
}

/// Threads that exchange frames under ThreadSanitizer. It must report nothing, but a data race if an ordering is left
/// out.
fn thread_sanitizer(places: &Places) -> Result<()> {
    progress::headline("prove", "threads that exchange frames, under ThreadSanitizer");
    if !has_runtime(places, "tsan")? {
        progress::left_out("threads under ThreadSanitizer: this toolchain does not have it");
        return Ok(());
    }
    let folder = places.target.join("tsan");
    let mut build = places.cargo(&["build", "-p", "vni", "--example", "exchange", "--target", HOST]);
    build.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", THREAD_FLAGS).env("CARGO_TARGET_DIR", &folder);
    process::shown_run(&mut build, CARGO_LIMIT)?;

    let program = folder.join(HOST).join("debug/examples/exchange");
    let suppressions = places.workspace.join("vni/examples/exchange/suppressions.txt");
    let exchange = || {
        let mut command = Command::new(&program);
        command.env("TSAN_OPTIONS", format!("halt_on_error=1:suppressions='{}'", suppressions.display()));
        command
    };
    process::shown_run(&mut exchange(), RUN_LIMIT)?;
    for ordering in ["publish", "release"] {
        match process::output(exchange().env("SPRIG_WEAKENED", ordering), RUN_LIMIT) {
            Ok(_) => bail!("ThreadSanitizer reports nothing although the ordering of {ordering} is left out"),
            Err(error) if error.to_string().contains("ThreadSanitizer: data race") => {}
            Err(error) => return Err(error),
        }
        progress::headline(
            "prove",
            &format!("ThreadSanitizer reports a data race, as it should, without the ordering of {ordering}"),
        );
    }
    Ok(())
}

/// Whether the compiler has a sanitizer's runtime library.
pub(crate) fn has_runtime(places: &Places, name: &str) -> Result<bool> {
    let text = process::output(&mut rustc(places, &["--print", "target-libdir"]), process::QUICK)?;
    let folder = PathBuf::from(text.trim());
    let names = folder.read_dir().with_context(|| format!("cannot list {}", folder.display()))?;
    let ending = format!("_rt.{name}.a");
    Ok(names.flatten().any(|entry| entry.file_name().to_string_lossy().ends_with(&ending)))
}

fn rustc(places: &Places, arguments: &[&str]) -> Command {
    let mut command = Command::new(crate::places::tool("RUSTC", "rustc"));
    command.current_dir(&places.workspace).args(arguments);
    command
}

/// The tests of window and protocol in Miri, an interpreter that detects undefined behaviour.
fn miri(places: &Places) -> Result<()> {
    if process::output(&mut places.cargo(&["miri", "--version"]), process::QUICK).is_err() {
        progress::left_out("the tests of window and protocol under Miri: this toolchain does not have it");
        return Ok(());
    }
    progress::headline("prove", "the tests of window and protocol, under Miri");
    // proptest keeps test cases on disk, to which Miri gives no access by default.
    let mut command = places.cargo(&["miri", "test", "-p", "shmem", "-p", "vni"]);
    command.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("CARGO_TARGET_DIR", places.target.join("miri"));
    process::shown_run(&mut command, CARGO_LIMIT)
}
