//! `sprig check`: whether a box file is valid and can be planned.

use std::path::PathBuf;

use anyhow::Result;
use emulator::emulated::{Assumed, EmulatedMachine};
use emulator::source::Source;
use partitioner::amount::Count;

use super::{print, print_assumptions, print_plan_warnings, print_warnings, read_inventory};

/// Check a box file and the images that it names, and whether it can be planned
///
/// Checks it for the emulated machine that `sprig run` makes, or for a real one that `sprig inventory` recorded. Without
/// the latter, devices that only a real machine can have are assumed to exist; a note lists them.
#[derive(clap::Args)]
pub struct Check {
    /// The box file
    file: PathBuf,
    /// Check it for the machine recorded in this file
    #[arg(long, value_name = "FILE")]
    inventory: Option<PathBuf>,
}

impl Check {
    /// Prints `ok`.
    ///
    /// # Errors
    /// Every error of the box file.
    pub fn run(&self) -> Result<()> {
        let source = Source::read(&self.file)?;
        let machine = EmulatedMachine::needed_by(source.request());
        let assumed = match &self.inventory {
            Some(path) => Assumed { inventory: read_inventory(path)?, beyond: Vec::new() },
            None => machine.assumed_for(source.request()),
        };
        let plan = source.plan(&assumed.inventory)?;
        if self.inventory.is_none() {
            print_warnings(&source, &machine);
        }
        print_plan_warnings(&source, &assumed.inventory, &plan);
        let cores: usize = plan.partitions.iter().map(|partition| partition.cores.len()).sum();
        let memory: u64 = plan.partitions.iter().map(|partition| partition.memory_len()).sum();
        let (partitions, cores) = (Count(plan.partitions.len(), "partition"), Count(cores, "core"));
        print(&format!("ok: \"{}\" has {partitions}, {cores} and {} MiB in all\n", plan.box_name, memory >> 20))?;
        print_assumptions(&assumed);
        Ok(())
    }
}
