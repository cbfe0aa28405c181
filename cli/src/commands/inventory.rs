//! `sprig inventory`: this machine, recorded for planning.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use partitioner::amount::Amount;
use partitioner::inventory as machine;

use super::print;
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
        let inventory = record(Path::new("/"), &Processor::of_this_machine())?;
        let json = serde_json::to_string_pretty(&inventory)?;
        match &self.output {
            Some(path) => {
                fs::write(path, json + "\n").with_context(|| format!("cannot write {}", path.display()))?;
                print(&format!("{}: {}", path.display(), describe(&inventory)))?;
            }
            None => {
                print(&format!("{json}\n"))?;
                eprint!("{}", describe(&inventory));
            }
        }
        if !inventory.tsc.invariant {
            eprintln!("this machine's time-stamp counter is not invariant: no box can be planned for it");
        }
        Ok(())
    }
}

fn describe(inventory: &machine::Inventory) -> String {
    let devices = machine_devices(inventory);
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
        count(cores, "core"),
        count(nodes.len(), "node"),
        format!("{memory} usable"),
        count(ports, "serial port"),
        count(inventory.pci.len(), "PCI function"),
    ];
    format!("{}: {}", inventory.machine, counted.join(", "))
}

pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
