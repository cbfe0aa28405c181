//! What a contributor runs: `cargo xtask setup`, `build`, `dkms`, `package`, `demo`, `bench`, `book`, `lint`, `test`, `soak`, `fuzz`.
//!
//! Each command first makes what it needs, so that each works alone on a fresh machine. What they make is kept in one
//! folder, `target/sprig` (see [`places`]).

mod bench;
mod book;
mod box_file;
mod build;
mod demo;
mod disk;
mod dkms;
mod driver;
mod examine;
mod expectation;
mod fuzz;
mod initrd;
mod lint;
mod login;
mod module_root;
mod package;
mod places;
mod process;
mod progress;
mod proofs;
mod remapping;
mod report;
mod setup;
mod soak;
mod test;
mod unpacked;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::places::Places;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "What a contributor to Sprig runs")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetch and make everything that building, running and testing need; keep what is there already
    Setup(setup::Options),
    /// Build the boot image, the Linux driver for each stock kernel, the initial RAM disks and the `sprig` command
    Build(build::Options),
    /// Pack the Linux driver for DKMS, which builds it on machines without Rust
    Dkms(dkms::Options),
    /// Make what people install: packages for Debian and an archive for others, in `target/package`
    Package(package::Options),
    /// Boot two stock kernels side by side, show what each reports, and log in from one to the other
    Demo(demo::Options),
    /// Run a bench: boot, box, boxes, tap or native
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Build this project's book, in `target/book`
    Book,
    /// Check formatting and lints, for the host and for bare metal, and examine the driver's shim
    Lint,
    /// Set up, build, lint, and run every test
    Test(test::Options),
    /// Try for long what `test` tries shortly
    #[command(subcommand)]
    Soak(soak::Soak),
    /// Search for bytes that do harm to those who read them, and come from elsewhere
    Fuzz(fuzz::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let places = Places::find()?;
    match command {
        Command::Setup(options) => setup::run(&places, &options),
        Command::Build(options) => build::run(&places, &options),
        Command::Dkms(options) => dkms::run(&places, &options),
        Command::Package(options) => package::run(&places, &options),
        Command::Demo(options) => demo::run(&places, &options),
        Command::Bench(bench) => bench::run(&places, &bench),
        Command::Book => book::run(&places),
        Command::Lint => lint::run_alone(&places),
        Command::Test(options) => test::run(&places, &options),
        Command::Soak(soak) => soak::run(&places, &soak),
        Command::Fuzz(options) => fuzz::run(&places, &options),
    }
}
