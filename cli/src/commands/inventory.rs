//! `sprig inventory`: this machine, recorded for planning.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use emulator::output_file::OutputFile;
use partitioner::amount::{Amount, Count};
use partitioner::inventory as machine;

use super::{note, print};
use crate::processor::Processor;
use crate::recorded::record;
use crate::table::machine_devices;

/// Record this machine, to plan for it with `sprig plan --inventory`
///
/// Reads the firmware's tables, its memory map and PCI configuration space, for which it needs root. Changes nothing. Lists
/// each serial port and PCI function, and whether a partition can have it; if not, why.
#[derive(clap::Args)]
pub struct Inventory {
    /// Where to write the record [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Inventory {
    /// Writes the record, and prints what the machine has and what can be split off.
    ///
    /// # Errors
    /// If this machine's tables cannot be read.
    pub fn run(&self) -> Result<()> {
        let inventory = record(Path::new("/"), &Processor::of_this_machine());
        let inventory = inventory.map_err(|error| error.stopping("inventory"))?;
        let json = serde_json::to_string_pretty(&inventory)?;
        match &self.output {
            Some(path) => {
                OutputFile::new(path, [])?.write((json + "\n").as_bytes())?;
                print(&format!("{}: {}", path.display(), describe(&inventory)))?;
            }
            None => {
                print(&format!("{json}\n"))?;
                note(describe(&inventory).trim_end());
            }
        }
        if !inventory.tsc.invariant {
            note("this machine's time-stamp counter is not invariant: no box can be planned for it");
        }
        Ok(())
    }
}

fn describe(inventory: &machine::Inventory) -> String {
    let devices = machine_devices(inventory, super::width());
    let gap = if devices.is_empty() { "" } else { "\n" };
    let why_none = if inventory.ecam.is_empty() {
        "\nno ACPI MCFG: no PCI function of this machine can be split off\n"
    } else {
        ""
    };
    format!("{}\n{gap}{devices}{why_none}", summary(inventory))
}

fn summary(inventory: &machine::Inventory) -> String {
    let nodes: BTreeSet<_> = inventory.cores.iter().map(|core| core.node).collect();
    let memory = Amount(inventory.usable_memory());
    let (cores, ports) = (inventory.cores.len(), inventory.serial_ports.len());
    let counted = [
        Count(cores, "core").to_string(),
        Count(nodes.len(), "node").to_string(),
        format!("{memory} usable"),
        Count(ports, "serial port").to_string(),
        Count(inventory.pci.len(), "PCI function").to_string(),
    ];
    format!("{}: {}", inventory.machine, counted.join(", "))
}
