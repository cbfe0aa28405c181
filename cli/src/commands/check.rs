//! `sprig check`: whether a box file says something that can be done.

use std::path::PathBuf;

use anyhow::Result;
use emulator::emulated::EmulatedMachine;
use emulator::source::Source;

use super::inventory::count;
use super::{say, tell_assumed};

/// Check a box file: what it says, the images it names, and whether it can be planned
///
/// Devices that only a real machine can have are assumed to be there, and it is said which.
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
        let assumed = EmulatedMachine::needed_by(source.request()).assumed_for(source.request());
        let plan = source.plan(&assumed.inventory)?;
        let cores: usize = plan.partitions.iter().map(|partition| partition.cores.len()).sum();
        let memory: u64 = plan.partitions.iter().map(|partition| partition.memory_len()).sum();
        let (partitions, cores) = (count(plan.partitions.len(), "partition"), count(cores, "core"));
        say(&format!("ok: \"{}\" has {partitions}, {cores} and {} MiB in all\n", plan.box_name, memory >> 20))?;
        tell_assumed(&assumed);
        Ok(())
    }
}
