//! Silences PCI functions before any memory is put to its planned use.
//!
//! A boot loader leaves the devices that it has read from as they were: they may still write memory and interrupt. An
//! instance switches on again what it drives.

use alloc::vec::Vec;

use crate::firmware::pci::{
    BRIDGE_CONTROL, COMMAND, Command, ConfigSpace, MSI_CONTROL, MSI_ENABLE, MSI_X_ENABLE, SECONDARY_BUS_RESET, restore,
};
use crate::load_list::{LoadList, Step};
use crate::machine::Machine;
use crate::pci::{PciAddress, PciFunction};
use crate::plan::{Assignment, PartitionPlan, Plan, PlannedFunction};

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
    silent(function).for_each(|(register, clear, set)| machine.update(function.address, register, clear, set));
}

/// Registers of a function that silence it: bits to clear, and bits to set.
fn silent(function: &PciFunction) -> impl Iterator<Item = (u16, u16, u16)> {
    let msi = function.interrupts.msi.map(|msi| (msi + MSI_CONTROL, MSI_ENABLE, 0));
    let msi_x = function.interrupts.msi_x.map(|msi_x| (msi_x + MSI_CONTROL, MSI_X_ENABLE, 0));
    [(COMMAND, Command::BUS_MASTER.0, Command::NO_PIN.0)].into_iter().chain(msi).chain(msi_x)
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

/// How long a bus is held in reset, and how long devices may then take until they answer (PCI Express Base Specification
/// 5.0, section 6.6.1).
const HOLD_US: u64 = 2_000;
const ANSWER_US: u64 = 100_000;

/// Brings the devices of a partition to where its first start found them: silent, reset, with their addresses.
pub(super) fn reset(plan: &Plan, partition: &PartitionPlan, list: &mut LoadList) {
    let on = |planned: &&PlannedFunction| partition.buses.iter().any(|owned| owned.contain(planned.function.address));
    let functions: Vec<_> = plan.pci.iter().filter(on).map(|planned| &planned.function).collect();
    let mut space = Recording { plan, list };
    for function in &functions {
        silent(function).for_each(|(register, clear, set)| space.update(function.address, register, clear, set));
    }
    for owned in &partition.buses {
        space.update(owned.bridge, BRIDGE_CONTROL, 0, SECONDARY_BUS_RESET);
        space.list.push(Step::Pause(HOLD_US));
        space.update(owned.bridge, BRIDGE_CONTROL, SECONDARY_BUS_RESET, 0);
    }
    if !partition.buses.is_empty() {
        space.list.push(Step::Pause(ANSWER_US));
    }
    functions.iter().for_each(|function| restore(&mut space, function));
}

/// Configuration space whose writes become steps of a list.
struct Recording<'a> {
    plan: &'a Plan,
    list: &'a mut LoadList,
}

impl Recording<'_> {
    fn at(&self, function: PciAddress, register: u16) -> Option<u64> {
        let function = self.plan.ecam.iter().find_map(|segment| segment.address_of(function))?;
        Some(function + u64::from(register))
    }

    fn update(&mut self, function: PciAddress, register: u16, clear: u16, set: u16) {
        if let Some(register) = self.at(function, register) {
            self.list.push(Step::Update { register, clear, set });
        }
    }
}

impl ConfigSpace for Recording<'_> {
    fn read(&mut self, _function: PciAddress, _register: u16) -> u32 {
        0
    }

    fn write(&mut self, function: PciAddress, register: u16, value: u32) {
        if let Some(register) = self.at(function, register) {
            self.list.push(Step::Configure(register, value));
        }
    }
}
