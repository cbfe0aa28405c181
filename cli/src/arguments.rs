//! What the command line of `sprig` is: its subcommands, from which help, completions and man pages are made.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::commands::{
    bench::Bench, check::Check, completions::Completions, doctor::Doctor, image::Image, init::Init,
    inventory::Inventory, order::Restart, order::Start, order::Stop, plan::Plan, report::Report, run::Run,
    status::Status,
};

/// Boots several unmodified Linux kernels side by side on one machine, without virtualization
#[derive(Parser)]
#[command(name = "sprig", version, after_help = "Exit codes: 0 done, 1 refused or failed, 2 wrong usage.")]
pub struct Sprig {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Init(Init),
    Doctor(Doctor),
    Check(Check),
    Plan(Plan),
    Inventory(Inventory),
    Image(Image),
    Run(Run),
    Status(Status),
    Start(Start),
    Stop(Stop),
    Restart(Restart),
    Bench(Bench),
    Report(Report),
    Completions(Completions),
}

impl Sprig {
    /// Does what was asked for.
    ///
    /// # Errors
    /// Those of the subcommand.
    pub fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Init(init) => init.run()?,
            Command::Doctor(doctor) => return doctor.run(),
            Command::Check(check) => check.run()?,
            Command::Plan(plan) => plan.run()?,
            Command::Inventory(inventory) => inventory.run()?,
            Command::Image(image) => image.run()?,
            Command::Run(run) => return run.run(),
            Command::Status(status) => status.run()?,
            Command::Start(start) => start.run()?,
            Command::Stop(stop) => stop.run()?,
            Command::Restart(restart) => restart.run()?,
            Command::Bench(bench) => bench.run()?,
            Command::Report(report) => report.run()?,
            Command::Completions(completions) => completions.run()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
