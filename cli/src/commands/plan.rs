//! `sprig plan`: who gets which cores, memory and devices.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, bail};
use emulator::emulated::{Assumed, EmulatedDevice, EmulatedMachine};
use emulator::input_file::STANDARD_STREAM;
use emulator::output_file::OutputFile;
use emulator::source::Source;
use partitioner::size::Size;

use super::{print, print_assumptions, print_plan_warnings, print_warnings, read_inventory};
use crate::picture::picture;
use crate::table::table;

/// Show which cores, which memory and which devices each partition gets
///
/// Plans for the emulated machine that `sprig run` makes, or for a real one that `sprig inventory` recorded. Without
/// either, the devices that the box file names are assumed to exist; a note lists those that no emulated machine has.
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
    /// Plan for an emulated machine with this device, as `sprig run` plugs it in with the same option; may be repeated
    #[arg(long = "device", value_name = "DEVICE", conflicts_with = "inventory")]
    devices: Vec<EmulatedDevice>,
    /// Also draw a picture; `-` prints it instead of the plan
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
}

/// The value of `--machine`. A part that is not given is as the box needs it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct MachineSize {
    cpus: Option<u32>,
    memory: Option<Size>,
}

impl Plan {
    /// Prints the plan.
    ///
    /// # Errors
    /// Every reason why there is no plan; files that cannot be read or written.
    pub fn run(&self) -> Result<()> {
        let source = Source::read(&self.file)?;
        let assumed = self.machine(&source)?;
        let inventory = &assumed.inventory;
        let plan = source.plan(inventory)?;
        print_assumptions(&assumed);
        print_plan_warnings(&source, inventory, &plan);
        if let Some(path) = &self.svg {
            let drawn = picture(inventory, source.request(), &plan);
            if path.as_os_str() == STANDARD_STREAM {
                if self.json {
                    bail!("standard output takes the picture or the JSON: name a file with --svg");
                }
                return print(&drawn);
            }
            let inputs = source.inputs().into_iter().chain(self.inventory.clone());
            OutputFile::new(path, inputs)?.write(drawn.as_bytes())?;
        }
        if self.json {
            print(&format!("{}\n", serde_json::to_string_pretty(&plan)?))
        } else {
            print(&table(inventory, source.request(), &plan, super::width()))
        }
    }
}

impl Plan {
    /// The machine to plan for.
    fn machine(&self, source: &Source) -> Result<Assumed> {
        if let Some(path) = &self.inventory {
            return Ok(Assumed { inventory: read_inventory(path)?, beyond: Vec::new() });
        }
        let (needed, lacking) = EmulatedMachine::with_devices(source.request(), self.devices.clone());
        let machine = self.machine.unwrap_or_default().of(needed);
        print_warnings(source, &machine);
        if self.devices.is_empty() {
            return Ok(machine.assumed_for(source.request()));
        }
        source.require_devices(&machine, lacking)?;
        Ok(Assumed { inventory: machine.inventory(), beyond: Vec::new() })
    }
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
                "cpus" if size.cpus.is_some() => return Err("`cpus` is given twice".to_owned()),
                "memory" if size.memory.is_some() => return Err("`memory` is given twice".to_owned()),
                "cpus" => size.cpus = Some(cpus(value.trim())?),
                "memory" => size.memory = Some(memory(value)?),
                other => return Err(format!("`{other}` is neither `cpus` nor `memory`")),
            }
        }
        Ok(size)
    }
}

/// The least memory of a machine for which planning means anything: the resident part lies below it.
const MEMORY_LEAST: Size = Size(64 << 20);

fn memory(text: &str) -> Result<Size, String> {
    let size = Size::parse(text).map_err(|error| format!("`{text}`: {error}"))?;
    if size < MEMORY_LEAST { Err(format!("`{text}` is less than {MEMORY_LEAST}")) } else { Ok(size) }
}

fn cpus(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|cpus| (1..=255).contains(cpus)).ok_or_else(|| format!("`{text}` is not from 1 to 255"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_machine_is_given_in_parts() {
        let size: MachineSize = "cpus=8, memory=4GiB".parse().unwrap();
        assert_eq!(size, MachineSize { cpus: Some(8), memory: Some(Size(4 << 30)) });
        for wrong in ["", "8", "cpus=0", "cpus=x", "memory=4", "memory=1MiB", "cpus=1,cpus=2", "disks=1"] {
            assert!(wrong.parse::<MachineSize>().is_err(), "{wrong}");
        }
    }
}
