//! The other cores: woken by INIT-SIPI-SIPI into a page of ours, and sent on from there.
//!
//! Starting a core is one verb, whatever the core did before: it is reset, and it comes up in the [resident
//! part](crate::resident), where it finds its order. So a core is taken back from a dead kernel in the same way in which
//! it was given away. The boot processor is the exception: an INIT to it resets the whole machine.
//!
//! Intel SDM volume 3, section 9.4.4.1 ("Typical BSP Initialization Sequence").

use alloc::vec::Vec;

use control::{Command, Order};
use partitioner::inventory::ApicId;
use partitioner::machine::StartError;
use partitioner::plan::{PartitionIndex, PartitionPlan};

use crate::apic::LocalApic;
use crate::{cleanse, control_page, trampoline, tsc};

/// Between INIT and the first start-up.
const INIT_US: u64 = 10_000;
/// Between a start-up and its repetition.
const STARTUP_US: u64 = 200;
/// How long a core may take to report that it is up.
const ANSWER_MS: u64 = 1000;

/// Small, so that stacks for as many cores as instances can drive (see [`ApicId::is_in_reach`]) fit into the heap.
const STACK_LEN: usize = 8 << 10;

/// All cores but the boot processor.
pub struct Cores {
    apic: LocalApic,
    others: Vec<ApicId>,
}

impl Cores {
    /// Makes a stack for each and for the boot processor, which may come back, and lays the trampoline.
    pub fn prepare(apic: LocalApic, others: impl Iterator<Item = ApicId>) -> Self {
        cleanse::remember_boot_processor(apic.id().0);
        trampoline::place();
        let others: Vec<_> = others.collect();
        for id in others.iter().copied().chain([apic.id()]) {
            let stack = Vec::leak(alloc::vec![0_u8; STACK_LEN]).as_mut_ptr_range();
            // SAFETY: no other core has been woken. The heap lies below 4 GiB.
            unsafe { trampoline::give_stack(id.0, stack.end.addr() as u32 & !0xf) }
        }
        Self { apic, others }
    }

    /// Brings up every core once, so that each takes over the memory types, and parks it. The first that does not answer
    /// is an error.
    pub fn park_all(&self) -> Result<usize, StartError> {
        for core in &self.others {
            self.init(*core)?;
        }
        tsc::wait_us(INIT_US);
        let nothing_yet = Order { sequence: 0, command: Command::None };
        for core in &self.others {
            self.wake(*core, || control_page::page().has_answered(core.0, nothing_yet))?;
        }
        Ok(self.others.len())
    }

    /// Makes the boot core of a partition enter its kernel.
    pub fn enter(&self, partition: &PartitionPlan) -> Result<(), StartError> {
        let core = partition.boot_core().core.apic_id;
        // Who has asked for something before its turn has fetched its cores, or does.
        let Some(order) = give_first_order(partition.index) else { return Ok(()) };
        self.init(core)?;
        tsc::wait_us(INIT_US);
        self.wake(core, || control_page::page().partitions[usize::from(partition.index.0)].done() == order)
    }

    fn init(&self, core: ApicId) -> Result<(), StartError> {
        self.apic.send_init(core).map_err(|_| StartError { core, waited_ms: 0 })
    }

    /// Start-up, once more if need be (old processors miss the first), until the core answers.
    fn wake(&self, core: ApicId, answers: impl Fn() -> bool) -> Result<(), StartError> {
        let silent = |waited_ms| StartError { core, waited_ms };
        for _ in 0..2 {
            self.apic.send_startup(core, trampoline::PAGE).map_err(|_| silent(0))?;
            if is_true_within(STARTUP_US, &answers) {
                return Ok(());
            }
        }
        if is_true_within(ANSWER_MS * 1000, &answers) { Ok(()) } else { Err(silent(ANSWER_MS)) }
    }
}

/// The order to enter the kernel that lies in a partition. `None` if it has had one already: instances that run may have
/// asked for something.
pub fn give_first_order(partition: PartitionIndex) -> Option<Order> {
    control_page::page().partitions[usize::from(partition.0)].ask_first()
}

fn is_true_within(us: u64, condition: impl Fn() -> bool) -> bool {
    let until = tsc::now() + tsc::ticks(us);
    loop {
        if condition() {
            return true;
        }
        if tsc::now() > until {
            return false;
        }
        core::hint::spin_loop();
    }
}
