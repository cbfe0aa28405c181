//! The `sprig` command: several Linux kernels side by side on one machine.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use cli::commands::{
    self, bench::Bench, check::Check, image::Image, inventory::Inventory, plan::Plan, report::Report, run::Run,
};

/// Boots several unmodified Linux kernels side by side on one machine, without virtualization
#[derive(Parser)]
#[command(name = "sprig", version, after_help = "Exit codes: 0 done, 1 refused or failed, 2 wrong usage.")]
struct Sprig {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(Check),
    Plan(Plan),
    Inventory(Inventory),
    Image(Image),
    Run(Run),
    Bench(Bench),
    Report(Report),
}

fn main() -> ExitCode {
    let done = match Sprig::parse().command {
        Command::Check(check) => check.run(),
        Command::Plan(plan) => plan.run(),
        Command::Inventory(inventory) => inventory.run(),
        Command::Image(image) => image.run(),
        Command::Run(run) => run.run(),
        Command::Bench(bench) => bench.run(),
        Command::Report(report) => report.run(),
    };
    done.map_or_else(|error| commands::report(&error), |()| ExitCode::SUCCESS)
}
