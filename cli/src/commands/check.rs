//! `sprig check`: whether a box file says something that can be done.

use std::path::PathBuf;

use anyhow::Result;

use super::inventory::count;
use super::say;
use crate::emulated::EmulatedMachine;
use crate::source::Source;

/// Check a box file: what it says, the images it names, and whether it can be planned
#[derive(clap::Args)]
pub struct Check {
    /// The box file
    file: PathBuf,
}

impl Check {
    /// Says `ok`, or what is wrong.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn run(&self) -> Result<()> {
        let source = Source::read(&self.file)?;
        let machine = EmulatedMachine::needed_by(source.request());
        let plan = source.plan(&machine.inventory())?;
        let cores: usize = plan.partitions.iter().map(|partition| partition.cores.len()).sum();
        let memory: u64 = plan.partitions.iter().map(|partition| partition.memory_len()).sum();
        let (partitions, cores) = (count(plan.partitions.len(), "partition"), count(cores, "core"));
        say(&format!("ok: \"{}\" has {partitions}, {cores} and {} MiB in all\n", plan.box_name, memory >> 20))
    }
}
