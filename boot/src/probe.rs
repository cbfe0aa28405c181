//! The inventory of the machine that this runs on.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use partitioner::amount::Count;
use partitioner::diagnostic::Diagnostic;
use partitioner::firmware::ecam::usable_segments;
use partitioner::firmware::iommu::{Activity, Iommu};
use partitioner::firmware::pci::place::Addresses;
use partitioner::firmware::{self, FirmwareError, FirmwareTables, Topology, pci};
use partitioner::inventory::{EcamSegment, Inventory, MemoryRegion, Tsc};
use partitioner::pci::{Functions, PciFunction};
use raw_cpuid::{CpuId, TopologyType};

use crate::apic::LocalApic;
use crate::ecam::Ecam;
use crate::error::BootError;
use crate::handoff::HandOff;
use crate::log;
use crate::tables::Tables;
use crate::{iommu, paging, serial_ports, tsc};

/// What the machine has, and what of it only the boot image needs.
pub struct Machine {
    /// For the planner.
    pub inventory: Inventory,
    /// Processors and interrupt controllers.
    pub topology: Topology,
    /// I/O memory management units that the firmware has left on.
    pub active_iommus: Vec<(Iommu, Activity)>,
}

/// Reads the tables and calibrates the clock.
pub fn machine(hand_off: &HandOff, tables: &Tables, apic: LocalApic) -> Result<Machine, BootError> {
    log::enter("inventory");
    let topology = topology(tables, apic)?;
    let tsc = clock(tables)?;
    let memory = firmware::memory_map(hand_off.memory.iter().copied());
    let physical_address_bits =
        CpuId::new().get_processor_capacity_feature_info().map_or(36, |info| info.physical_address_bits());
    let ecam = configuration_space(&topology.ecam, &memory, physical_address_bits);
    let addresses = Addresses { memory: &memory, ecam: &ecam, bits: physical_address_bits };
    let pci = pci_functions(&mut Ecam::new(&ecam), addresses);
    let inventory = Inventory {
        machine: brand(),
        cores: topology.cores.clone(),
        smt_shift: firmware::smt_shift(thread_level(), threads_per_core()),
        memory,
        node_memory: topology.node_memory.clone(),
        ecam,
        pci,
        serial_ports: serial_ports::find(),
        tsc,
        physical_address_bits,
    };
    log_inventory(&inventory);
    let active_iommus = iommu::active(tables).map_err(damaged)?;
    Ok(Machine { inventory, topology, active_iommus })
}

/// What of the MCFG can be used, and mapped: configuration space may lie above all memory.
fn configuration_space(found: &[EcamSegment], memory: &[MemoryRegion], bits: u8) -> Vec<EcamSegment> {
    let (mut used, left_out) = usable_segments(found, memory, bits);
    for left_out in left_out {
        log::step("pci", format_args!("left out: {left_out}"));
    }
    used.retain(|segment| {
        let Some(space) = segment.range() else { return false };
        // SAFETY: the boot processor runs alone.
        let mapped = unsafe { paging::map(space.start(), space.end()) };
        mapped.inspect_err(|error| log::step("pci", format_args!("left out: {space}: {error}"))).is_ok()
    });
    used
}

/// Puts right what the firmware has left undone, and reads what is there then.
fn pci_functions(space: &mut Ecam, addresses: Addresses<'_>) -> Vec<PciFunction> {
    for numbered in pci::number_buses(space, addresses.ecam) {
        log::step("pci", format_args!("bridge {} had no buses: {}", numbered.bridge, numbered.buses));
    }
    let functions = pci::functions(space, addresses.ecam);
    let placed = pci::place::place(space, &functions, addresses);
    for placed in &placed {
        match placed.windows {
            Some(windows) => {
                log::step("pci", format_args!("behind {} nothing had addresses: {windows}", placed.bridge))
            }
            None => {
                log::step("pci", format_args!("behind {} nothing has addresses, and there is no room", placed.bridge))
            }
        }
    }
    if placed.is_empty() { functions } else { pci::functions(space, addresses.ecam) }
}

fn clock(tables: &Tables) -> Result<Tsc, BootError> {
    log::enter("tsc");
    let (khz, source) = tsc::calibrate(tables).ok_or_else(|| {
        BootError::new(
            "tsc",
            "no-clock",
            format_args!("the time-stamp counter's rate cannot be found: no CPUID leaf, HPET, PM timer or PIT"),
            "switch the HPET on in the firmware's settings",
        )
    })?;
    let invariant = tsc::is_invariant();
    log::set_clock(khz);
    log::step("tsc", format_args!("{khz} kHz by {source}, {}", if invariant { "invariant" } else { "not invariant" }));
    Ok(Tsc { khz, invariant })
}

fn topology(tables: &Tables, apic: LocalApic) -> Result<Topology, BootError> {
    let tables = FirmwareTables { madt: tables.madt(), srat: tables.srat(), mcfg: tables.mcfg() };
    firmware::topology(&tables, apic.id()).map_err(damaged)
}

fn damaged(error: FirmwareError) -> BootError {
    BootError::of("inventory", alloc::vec![Diagnostic::from(&error)])
}

/// CPUID leaf 0x1F, or else 0x0B: the lowest level, if it is that of threads.
fn thread_level() -> Option<u32> {
    let cpuid = CpuId::new();
    let levels = [cpuid.get_extended_topology_info_v2(), cpuid.get_extended_topology_info()];
    let lowest = levels.into_iter().flatten().find_map(|mut levels| levels.next())?;
    Some(if lowest.level_type() == TopologyType::SMT { lowest.shift_right_for_next_apic_id() } else { 0 })
}

fn threads_per_core() -> Option<u8> {
    Some(CpuId::new().get_processor_topology_info()?.threads_per_core())
}

fn brand() -> String {
    let brand = CpuId::new().get_processor_brand_string().map(|brand| brand.as_str().trim().to_string());
    brand.filter(|brand| !brand.is_empty()).unwrap_or_else(|| "unnamed processor".to_string())
}

fn log_inventory(inventory: &Inventory) {
    let mib = inventory.usable_memory() >> 20;
    let nodes = inventory.cores.iter().map(|core| core.node).collect::<alloc::collections::BTreeSet<_>>().len();
    log::step(
        "inventory",
        format_args!(
            "{}: {}, {nodes} node(s), {mib} MiB usable, {} serial port(s), {} PCI function(s)",
            inventory.machine,
            Count(inventory.cores.len(), "core"),
            inventory.serial_ports.len(),
            inventory.pci.len()
        ),
    );
    if inventory.smt_shift > 0 {
        let bits = inventory.smt_shift;
        log::step("inventory", format_args!("physical cores have threads: the lowest {bits} bit(s) of an APIC ID"));
    }
    for function in &inventory.pci {
        let why_not = Functions(&inventory.pci).obstacle(function);
        match why_not {
            Some(obstacle) => log::step("inventory", format_args!("pci {function}: {obstacle}")),
            None => log::step("inventory", format_args!("pci {function}")),
        }
    }
    for region in &inventory.memory {
        log::step("inventory", format_args!("memory {} {}", region.range, region.kind));
    }
}
