//! Silences PCI functions before any memory is put to its planned use.
//!
//! A boot loader leaves the devices that it has read from as they were: they may still write memory and interrupt. An
//! instance switches on again what it drives.

use alloc::vec::Vec;

use crate::firmware::pci::{COMMAND, Command, MSI_CONTROL, MSI_ENABLE, MSI_X_ENABLE};
use crate::machine::Machine;
use crate::pci::PciFunction;
use crate::plan::{Assignment, Plan, PlannedFunction};

/// Bridges to something other than PCI. Most are the processors' own, which lead to memory and firmware.
const CLASS_BRIDGE: u32 = 0x06;

/// Silences every function, and opens the bridges on the way to what belongs to a partition.
pub(super) fn silence<M: Machine>(plan: &Plan, machine: &mut M) {
    let (bridges, others): (Vec<_>, Vec<_>) = plan.pci.iter().partition(|planned| planned.function.bridge.is_some());
    // Functions behind a bridge must be silent before the bridge forwards what they write.
    let others: Vec<_> = others.into_iter().filter(|planned| planned.function.class.0 >> 16 != CLASS_BRIDGE).collect();
    if !others.is_empty() {
        machine.log("quiet", format_args!("{} PCI functions", others.len()));
    }
    for planned in others {
        silence_function(&planned.function, machine);
    }
    for planned in bridges {
        set_bridge(planned, machine);
    }
}

fn silence_function<M: Machine>(function: &PciFunction, machine: &mut M) {
    machine.update(function.address, COMMAND, Command::BUS_MASTER.0, Command::NO_PIN.0);
    if let Some(msi) = function.interrupts.msi {
        machine.update(function.address, msi + MSI_CONTROL, MSI_ENABLE, 0);
    }
    if let Some(msi_x) = function.interrupts.msi_x {
        machine.update(function.address, msi_x + MSI_CONTROL, MSI_X_ENABLE, 0);
    }
}

fn set_bridge<M: Machine>(planned: &PlannedFunction, machine: &mut M) {
    let address = planned.function.address;
    match planned.assignment {
        Assignment::UpstreamBridge => {
            machine.log("devices", format_args!("bridge {address} is open"));
            let open = Command::MEMORY.with(Command::BUS_MASTER);
            let has_ports = planned.function.bridge.is_some_and(|bridge| bridge.windows.io.is_some());
            let open = if has_ports { open.with(Command::IO) } else { open };
            machine.update(address, COMMAND, 0, open.0);
        }
        // Its owner opens it, or nothing behind it belongs to a partition.
        Assignment::Owned(_) | Assignment::Unassigned | Assignment::Refused(_) => {
            machine.update(address, COMMAND, Command::BUS_MASTER.0, 0);
        }
    }
}
