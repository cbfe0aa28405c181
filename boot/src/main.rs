//! The boot image of Sprig: takes the machine, plans it, and starts a kernel in each partition.
//!
//! A boot loader leaves one processor, the BSP, and one list of modules. From there ([`steps`] is the whole way):
//!
//! 1. **hand-off**: the loader's information is brought into one form ([`handoff`]), all memory is mapped ([`paging`]);
//! 2. **bundle**: the modules are the box file and the images that it names, checked against their manifest;
//! 3. **tsc**, **inventory**: what the machine has ([`probe`]);
//! 4. **request**, **plan**: the same code as in the `sprig` command, and so the same answer or the same errors;
//! 5. **cores**: every other core is woken once, takes over the memory types, and is parked ([`cores`]);
//! 6. **quiet**: legacy interrupt controllers are masked, and PCI functions are silenced;
//! 7. **apply**: images, tables, zero pages are put in place, then the kernels are **start**ed one after another, each
//!    waiting for its **turn**;
//! 8. **leave**: the BSP enters its own partition, or parks if no partition has it.
//!
//! Nothing is started before everything is known to fit and lies in its place. So a failure before the first **start**
//! halts a machine on which no kernel has run. Afterwards no code of ours runs on any core that a partition owns. The
//! resident part stays, this image in its range: the trampoline, page tables, a stack and a slot for each core. Every
//! instance's memory map reserves it, so that a core can come back to it by INIT-SIPI.

#![no_std]
#![no_main]

extern crate alloc;

mod apic;
mod bare_metal;
mod cleanse;
mod control_page;
mod cores;
mod ecam;
mod entry;
mod error;
mod halt;
mod handoff;
mod heap;
mod interrupt_controllers;
mod interrupts;
mod iommu;
mod loader;
mod log;
mod modules;
mod mtrr;
mod paging;
mod probe;
mod resident;
mod serial_ports;
mod sleep;
mod tables;
mod trampoline;
mod tsc;
mod warm_reset;

use alloc::string::String;

use partitioner::apply::{ApplyError, apply};
use partitioner::config::BoxFile;
use partitioner::diagnostic::Diagnostic;
use partitioner::inventory::Inventory;
use partitioner::layout::RESIDENT;
use partitioner::plan::{Assignment, PartitionIndex, Plan, plan, warnings};
use partitioner::request::Request;

use apic::LocalApic;
use bare_metal::BareMetal;
use cores::Cores;
use ecam::Ecam;
use entry::Protocol;
use error::BootError;
use handoff::HandOff;
use modules::Modules;
use sleep::Sleeper;

/// Entered from [`entry`] on the boot processor.
// SAFETY: no other item has this name; the entry code calls it once.
#[unsafe(no_mangle)]
extern "C" fn boot_main(entrance: u32, info: u32, eax: u32) -> ! {
    // SAFETY: first thing, once.
    unsafe { heap::open() };
    log::open();
    // SAFETY: once, while no other processor runs.
    unsafe {
        control_page::clear();
        paging::guard_stack();
        interrupts::load_for_boot_processor();
    }
    let mut box_file = String::new();
    match steps(Protocol::from_entrance(entrance, eax), info, &mut box_file) {
        Ok(partition) => leave(partition),
        Err(error) => error.report(&box_file),
    }
}

/// The whole way, up to the partition that the boot processor itself has to start. `box_file` is the text that errors
/// point into.
fn steps(protocol: Protocol, info: u32, box_file: &mut String) -> Result<Option<PartitionIndex>, BootError> {
    let hand_off = hand_off(protocol, info)?;
    let modules = Modules::open(&hand_off)?;
    box_file.push_str(modules.box_file());
    // SAFETY: all memory is mapped, and no other processor runs.
    let tables = unsafe { tables::Tables::find(hand_off.rsdp) };
    let tables = tables.map_err(|error| BootError::of("inventory", alloc::vec![Diagnostic::from(&error)]))?;
    let apic = LocalApic::here();
    let machine = probe::machine(&hand_off, &tables, apic)?;
    let request = request(&modules)?;
    let plan = make_plan(&machine.inventory, &request)?;
    require_devices_unhindered(&machine, &plan)?;
    let cores = bring_up(apic, &machine.inventory)?;
    silence(&machine.topology);
    // Once the page is open the host may send NMIs. None may come until this processor waits for them, or its kernel does.
    apic.close_nmi_line();
    control_page::open(&plan, warm_reset::is_there(&hand_off));
    start_all(&plan, &request, BareMetal::new(cores, Sleeper::new(apic), Ecam::new(&plan.ecam)))
}

fn hand_off(protocol: Protocol, info: u32) -> Result<HandOff, BootError> {
    // SAFETY: both come from the entrance, and the entry code has mapped the first 4 GiB.
    let hand_off = unsafe { handoff::read(protocol, info) }.map_err(|error| {
        BootError::new(
            "hand-off",
            "hand-off-unreadable",
            format_args!("{error}"),
            "boot by GRUB 2 or by `qemu -kernel`",
        )
    })?;
    log::step(
        "hand-off",
        format_args!(
            "{}, {} memory ranges, {} module(s), sprig {}",
            hand_off.loader,
            hand_off.memory.len(),
            hand_off.modules.len(),
            env!("CARGO_PKG_VERSION")
        ),
    );
    // The planner keeps everybody off the range that it knows of; the linker script has its own two numbers.
    assert_eq!(heap::linked_range(), (RESIDENT.start(), RESIDENT.end()), "the image is linked to another range");
    // SAFETY: once, and no other processor runs.
    unsafe { paging::map_up_to(hand_off.memory_end()) }?;
    Ok(hand_off)
}

fn request(modules: &Modules<'_>) -> Result<Request, BootError> {
    log::enter("request");
    let failure = |diagnostics| BootError::of("request", diagnostics);
    let file = BoxFile::parse(modules.box_file()).map_err(failure)?;
    let request = Request::gather(file, |path| modules.image(path)).map_err(failure)?;
    let kernels = request.partitions.iter().filter_map(|partition| partition.bzimage.version.as_deref());
    for (entry, kernel) in request.file.partitions.iter().zip(kernels) {
        log::step("request", format_args!("{}: Linux {kernel}", entry.name.get_ref()));
    }
    Ok(request)
}

fn make_plan(inventory: &Inventory, request: &Request) -> Result<Plan, BootError> {
    log::enter("plan");
    let plan = plan(inventory, request).map_err(|error| BootError::of("plan", error.diagnostics(request)))?;
    for partition in &plan.partitions {
        log::step(
            "plan",
            format_args!(
                "{}: cores {:?}, memory {:?}, low {}, console {}",
                partition.name,
                partition.cores.iter().map(|core| core.number.0).collect::<alloc::vec::Vec<_>>(),
                partition.memory,
                partition.low,
                partition.console.map_or_else(|| "none".into(), |port| alloc::format!("{port}"))
            ),
        );
    }
    for planned in &plan.pci {
        if let Assignment::Owned(owner) = planned.assignment {
            log::step("plan", format_args!("{}: {}", plan.partition(owner).name, planned.function));
        }
    }
    log::step("plan", format_args!("window {}, resident {RESIDENT}", plan.window));
    for warning in warnings(inventory, request, &plan) {
        log::step("plan", format_args!("warning: {warning}"));
    }
    Ok(plan)
}

/// A device behind a unit that is on reaches no memory and interrupts nobody: no instance can program the unit.
fn require_devices_unhindered(machine: &probe::Machine, plan: &Plan) -> Result<(), BootError> {
    let Some((unit, activity)) = machine.active_iommus.first() else { return Ok(()) };
    let Some(owner) = plan.partitions.iter().find(|partition| !partition.buses.is_empty()) else {
        log::step("plan", format_args!("warning: the firmware has left the {unit} on; no partition has devices"));
        return Ok(());
    };
    Err(BootError::new(
        "plan",
        "iommu-on",
        format_args!(
            "the firmware has left the {unit} on, {activity}: the devices of \"{}\" would not work",
            owner.name
        ),
        "switch VT-d or AMD-Vi off in the firmware's settings, or its protection against DMA before the system starts",
    ))
}

fn bring_up(apic: LocalApic, inventory: &Inventory) -> Result<Cores, BootError> {
    log::enter("cores");
    // Cores that no instance can drive stay as the firmware has left them: in xAPIC mode not even an INIT reaches them.
    let others = inventory.cores.iter().map(|core| core.apic_id).filter(|id| id.is_in_reach() && *id != apic.id());
    let cores = Cores::prepare(apic, others);
    let parked = cores.park_all().map_err(|error| {
        BootError::new(
            "cores",
            "core-silent",
            format_args!("{error}"),
            "check that the firmware enables this core, and reset the machine",
        )
    })?;
    log::step(
        "cores",
        format_args!(
            "{parked} woken and parked, {apic}, MTRRs {}",
            if cleanse::mtrrs_enabled() { "copied" } else { "left off, as the firmware has them" }
        ),
    );
    Ok(cores)
}

fn silence(topology: &partitioner::firmware::Topology) {
    log::enter("quiet");
    interrupt_controllers::mask_pics();
    for io_apic in &topology.io_apics {
        let entries = interrupt_controllers::mask_io_apic(io_apic);
        log::step("quiet", format_args!("I/O APIC at {:#x}: {entries} entries masked", io_apic.address));
    }
}

fn start_all(plan: &Plan, request: &Request, mut machine: BareMetal) -> Result<Option<PartitionIndex>, BootError> {
    log::enter("apply");
    // The parts of the window that are read first must show that no partition has come up yet.
    let shape = shmem::Shape::new(plan.partitions.len(), plan.queues.into());
    let control = shape.map_or(plan.window.len(), shmem::control_len).min(plan.window.len());
    let clear = plan.window.split_at(control).map_or(plan.window, |(control, _)| control);
    let own = apply(plan, request, clear, &mut machine).map_err(|error| {
        let diagnostics = alloc::vec![Diagnostic::from(&error)];
        match error {
            ApplyError::Start { running, .. } => BootError { step: "start", diagnostics, running },
            _ => BootError::of("apply", diagnostics),
        }
    })?;
    let total = log::since_entry_us();
    log::step(
        "leave",
        format_args!(
            "own time {} us, waited for turns {} us; {}",
            total.saturating_sub(machine.waited_us()),
            machine.waited_us(),
            if own.is_some() { "the boot processor enters its partition" } else { "the boot processor parks" }
        ),
    );
    Ok(own)
}

fn leave(own: Option<PartitionIndex>) -> ! {
    if let Some(partition) = own {
        cores::give_first_order(partition);
    }
    resident::obey(LocalApic::here().id().0)
}
