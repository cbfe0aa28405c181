//! What every core does that comes to the resident part, at any time: at the start of the box, by INIT-SIPI from another
//! instance, or by itself from a kernel that ends.
//!
//! It is brought to the state in which the first start finds it, says that it has arrived, and does what the
//! [control page](control) wants of its partition. Nothing is planned or allocated here, and nothing is logged: the log's
//! port may belong to a partition by now.

use core::arch::asm;

use control::{Arrival, Cause, Command, Order, Partition, Role, State};
use partitioner::inventory::ApicId;
use partitioner::machine::Entry;

use crate::apic::LocalApic;
use crate::{cleanse, control_page, halt, interrupts, loader, trampoline, tsc, warm_reset};

/// How long the boot core of a partition waits for the others. They are fetched within some 20 ms.
const ARRIVAL_US: u64 = 2_000_000;

/// From an INIT to the start-up, and from one start-up to the next.
const INIT_US: u64 = 10_000;
const STARTUP_US: u64 = 1_000;

/// Where the trampoline leads every core: on its own stack, with the identity map.
// SAFETY: no other item has this name; the trampoline calls it with the core's APIC ID.
#[unsafe(no_mangle)]
extern "C" fn core_main(apic_id: u32) -> ! {
    let is_quiet = interrupts::load_quiet();
    debug_assert!(is_quiet, "the boot processor made it before it woke anybody");
    cleanse::this_core(apic_id);
    warm_reset::forget(control_page::page(), apic_id);
    obey(apic_id)
}

/// Does what is wanted, and waits for the next order.
pub fn obey(apic_id: u32) -> ! {
    loop {
        let arrival = control_page::page().arrive(apic_id);
        if let Some(Arrival { partition, role: Role::Boot, order }) = arrival {
            carry_out(partition, order);
            // The host of an emulated machine reaches this core by the line of the chipset, and no other of the partition.
            interrupts::load_quiet();
            LocalApic::here().open_nmi_line();
        }
        // Whoever gives an order resets this core, or wakes it by an NMI, again and again until it says that it has come.
        while control_page::page().is_still_wanted(arrival) {
            halt::sleep();
        }
    }
}

/// On the boot core of a partition. Comes back if there is no kernel to be entered.
fn carry_out(index: usize, order: Order) {
    let partition = &control_page::page().partitions[index];
    if order == partition.done() {
        return;
    }
    match order.command {
        Command::Enter => enter(index, order, loader::entry(loader::kept(partition))),
        _ if !others_arrive(index, order) => finish(partition, order, State::Failed, Cause::CoreSilent),
        // SAFETY: the list was recorded for this machine, and all cores of the partition are here.
        Command::Start => match unsafe { loader::load(loader::kept(partition)) } {
            Ok(loaded) => enter(index, order, loaded.entry),
            Err(_) => finish(partition, order, State::Failed, Cause::BadList),
        },
        Command::Stop | Command::None => {
            // SAFETY: as above.
            unsafe { loader::silence(loader::kept(partition)) };
            finish(partition, order, State::Stopped, partition.reason());
        }
    }
}

fn others_arrive(index: usize, order: Order) -> bool {
    let limit = tsc::now() + tsc::ticks(ARRIVAL_US);
    let page = control_page::page();
    let mut awaited = Awaited::AsTheyCome;
    while !page.all_arrived(index) {
        let partition = &page.partitions[index];
        if tsc::now() > limit || partition.wanted() != order {
            return false;
        }
        awaited = match awaited {
            Awaited::AsTheyCome if partition.is_by_host() => reset_absent(index),
            Awaited::AsTheyCome => Awaited::AsTheyCome,
            Awaited::Reset => start_absent(index),
        };
        core::hint::spin_loop();
    }
    true
}

/// How the boot core waits for the others. The host has no core to fetch them with, so for the host it does that itself.
enum Awaited {
    /// Somebody else fetches them.
    AsTheyCome,
    /// Those that were not there were reset, and are started up.
    Reset,
}

/// Resets the cores that have not come. No INIT may reach the boot processor, so that one is sent an NMI.
fn reset_absent(index: usize) -> Awaited {
    for core in control_page::page().absent(index) {
        if !calls_boot_processor(core) {
            control_page::page().dismiss_core(core);
            // One out of reach does not come, and the order fails by that.
            let _ = LocalApic::here().send_init(ApicId(core));
        }
    }
    tsc::wait_us(INIT_US);
    Awaited::Reset
}

fn start_absent(index: usize) -> Awaited {
    for core in control_page::page().absent(index) {
        if !calls_boot_processor(core) {
            // As above.
            let _ = LocalApic::here().send_startup(ApicId(core), trampoline::PAGE);
        }
    }
    tsc::wait_us(STARTUP_US);
    Awaited::Reset
}

/// Whether that core is the boot processor, which is then called by an NMI, if one brings it.
fn calls_boot_processor(core: u32) -> bool {
    let page = control_page::page();
    if core != page.boot_processor() {
        return false;
    }
    if page.comes_by_nmi(core) {
        // As for the others.
        let _ = LocalApic::here().send_nmi(ApicId(core));
    }
    true
}

/// If another order has come meanwhile, that one is found next.
fn finish(partition: &Partition, order: Order, state: State, cause: Cause) {
    partition.finish(order, state, cause, tsc::now());
}

fn enter(index: usize, order: Order, entry: Option<Entry>) {
    let page = control_page::page();
    let partition = &page.partitions[index];
    let Some(entry) = entry else { return finish(partition, order, State::Failed, Cause::BadList) };
    let cause = if order.command == Command::Enter { Cause::None } else { partition.reason() };
    if partition.finish(order, State::Starting, cause, tsc::now()) {
        page.dismiss(index, order);
        // An NMI that comes before the kernel has a handler resets the machine.
        LocalApic::here().close_nmi_line();
        cleanse::drain_interrupts();
        // SAFETY: the list put a kernel there, and this core belongs to its partition.
        unsafe { enter_kernel(entry) }
    }
}

/// Leaves the resident part for a kernel, by the 64-bit boot protocol.
///
/// # Safety
/// A kernel's 64-bit entry point lies at `entry.address` and its zero page at `entry.zero_page`, both identity-mapped.
unsafe fn enter_kernel(entry: Entry) -> ! {
    // SAFETY: by the contract; the GDT has the selectors of the protocol, and nothing of this stack is needed again.
    unsafe {
        asm!(
            "cli",
            "cld",
            "xor ebp, ebp",
            "xor edi, edi",
            "xor ebx, ebx",
            "jmp rax",
            in("rax") entry.address,
            in("rsi") entry.zero_page,
            options(noreturn)
        )
    }
}
