//! The `sprig` command: several Linux kernels side by side on one machine.

use std::io::{ErrorKind, Write, stdout};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use cli::commands::{
    self, bench::Bench, check::Check, doctor::Doctor, image::Image, init::Init, inventory::Inventory, order::Restart,
    order::Start, order::Stop, plan::Plan, report::Report, run::Run, status::Status,
};
use emulator::qemu::PrivateFolder;

/// Boots several unmodified Linux kernels side by side on one machine, without virtualization
#[derive(Parser)]
#[command(name = "sprig", version, after_help = "Exit codes: 0 done, 1 refused or failed, 2 wrong usage.")]
struct Sprig {
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
}

fn main() -> ExitCode {
    match Sprig::try_parse() {
        Ok(sprig) => run(sprig.command).unwrap_or_else(|error| commands::report(&error)),
        Err(message) => print_help_or_usage(&message),
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    PrivateFolder::remove_abandoned();
    match command {
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
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints help, the version, or what is wrong with the usage. Help that nobody gets is a failure.
fn print_help_or_usage(message: &clap::Error) -> ExitCode {
    let written = message.print().and_then(|()| stdout().flush());
    match (written, u8::try_from(message.exit_code())) {
        (Err(error), _) if error.kind() != ErrorKind::BrokenPipe => {
            commands::report(&anyhow::Error::new(error).context("cannot write to standard output"))
        }
        (_, code) => code.map_or(ExitCode::FAILURE, ExitCode::from),
    }
}
