//! `sprig plan`: who would get what.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use emulator::emulated::{Assumed, EmulatedDevice, EmulatedMachine};
use emulator::source::Source;
use partitioner::inventory::Inventory;
use partitioner::size::Size;

use super::{say, tell_assumed};
use crate::picture::picture;
use crate::table::table;

/// Show who would get which cores, which memory and which devices
///
/// Plans for the emulated machine that `sprig run` would make, or for a real one that `sprig inventory` recorded. Without
/// either, devices that the box file names are assumed to be there, and it is said which no emulated machine has.
#[derive(clap::Args)]
pub struct Plan {
    /// The box file
    file: PathBuf,
    /// Plan for the machine recorded in this file
    #[arg(long, value_name = "FILE", conflicts_with = "machine")]
    inventory: Option<PathBuf>,
    /// Plan for an emulated machine of this size: cpus=8,memory=4GiB
    #[arg(long, value_name = "SIZE")]
    machine: Option<MachineSize>,
    /// Plan for an emulated machine with this device, as `sprig run` has it with the same option; may be given many times
    #[arg(long = "device", value_name = "DEVICE", conflicts_with = "inventory")]
    devices: Vec<EmulatedDevice>,
    /// Draw a picture, too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
}

/// What `--machine` says: each part only if it is to be other than what the box needs.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct MachineSize {
    cpus: Option<u32>,
    memory: Option<Size>,
}

impl Plan {
    /// Prints the plan.
    ///
    /// # Errors
    /// Everything that stands against it; files that cannot be read or written.
    pub fn run(&self) -> Result<()> {
        let source = Source::read(&self.file)?;
        let assumed = self.machine(&source)?;
        let inventory = &assumed.inventory;
        let plan = source.plan(inventory)?;
        tell_assumed(&assumed);
        if let Some(path) = &self.svg {
            source.spare(path)?;
            let drawn = picture(inventory, source.request(), &plan);
            fs::write(path, drawn).with_context(|| format!("cannot write {}", path.display()))?;
        }
        if self.json {
            say(&format!("{}\n", serde_json::to_string_pretty(&plan)?))
        } else {
            say(&table(inventory, source.request(), &plan))
        }
    }
}

impl Plan {
    /// The machine to plan for: as it is, or as far as it is known.
    fn machine(&self, source: &Source) -> Result<Assumed> {
        if let Some(path) = &self.inventory {
            return Ok(Assumed { inventory: read_inventory(path)?, beyond: Vec::new() });
        }
        let (needed, lacking) = EmulatedMachine::with_devices(source.request(), self.devices.clone());
        let machine = self.machine.unwrap_or_default().of(needed);
        if self.devices.is_empty() {
            return Ok(machine.assumed_for(source.request()));
        }
        source.require_devices(&machine, lacking)?;
        Ok(Assumed { inventory: machine.inventory(), beyond: Vec::new() })
    }
}

fn read_inventory(path: &Path) -> Result<Inventory> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the inventory {}", path.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is no inventory that `sprig inventory` made", path.display()))
}

impl MachineSize {
    fn of(self, needed: EmulatedMachine) -> EmulatedMachine {
        EmulatedMachine {
            cpus: self.cpus.unwrap_or(needed.cpus),
            memory: self.memory.map_or(needed.memory, |memory| memory.0),
            ..needed
        }
    }
}

impl FromStr for MachineSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut size = Self::default();
        for part in text.split(',') {
            let (name, value) =
                part.split_once('=').ok_or_else(|| format!("`{part}` is not `cpus=…` or `memory=…`"))?;
            match name.trim() {
                "cpus" => size.cpus = Some(cpus(value.trim())?),
                "memory" => size.memory = Some(Size::parse(value).map_err(|error| format!("`{value}`: {error}"))?),
                other => return Err(format!("`{other}` is neither `cpus` nor `memory`")),
            }
        }
        Ok(size)
    }
}

fn cpus(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|cpus| (1..=255).contains(cpus)).ok_or_else(|| format!("`{text}` is not from 1 to 255"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_told_in_parts() {
        let size: MachineSize = "cpus=8, memory=4GiB".parse().unwrap();
        assert_eq!(size, MachineSize { cpus: Some(8), memory: Some(Size(4 << 30)) });
        for wrong in ["", "8", "cpus=0", "cpus=x", "memory=4", "disks=1"] {
            assert!(wrong.parse::<MachineSize>().is_err(), "{wrong}");
        }
    }
}
