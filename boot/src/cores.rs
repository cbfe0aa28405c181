//! The other cores: woken by INIT-SIPI-SIPI into a page of ours, and sent on from there.
//!
//! Starting a core is one verb, whatever the core did before: it is reset, and it comes up in [`core_main`] with an
//! order in its [`Slot`]. So the resident part can take a core back from a dead kernel in the same way in which it
//! gave it away. The boot processor is the exception: an INIT to it resets the whole machine.
//!
//! Intel SDM volume 3, section 9.4.4.1 ("Typical BSP Initialization Sequence").

use alloc::vec::Vec;
use core::arch::asm;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use partitioner::inventory::ApicId;
use partitioner::machine::{Entry, StartError};
use spin::Once;

use crate::apic::LocalApic;
use crate::mtrr::Mtrrs;
use crate::{halt, interrupts, trampoline, tsc};

/// Between INIT and the first start-up.
const INIT_US: u64 = 10_000;
/// Between a start-up and its repetition.
const STARTUP_US: u64 = 200;
/// How long a core may take to report that it is up.
const ANSWER_MS: u64 = 1000;

/// Small, so that stacks for as many cores as instances can drive (see [`ApicId::is_in_reach`]) fit into the heap.
const STACK_LEN: usize = 8 << 10;

/// The order to a core that comes up.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Take over the MTRRs and halt.
    Park = 1,
    /// Enter the kernel that [`Slot::entry`] names.
    Enter = 2,
}

/// The state that a core reports.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// No report since its last reset.
    Silent = 0,
    /// Halted, in the resident part.
    Parked = 1,
    /// Gone into a kernel.
    Entered = 2,
}

/// The exchange between the boot processor and one other core. Each word has one writer at a time: the boot processor
/// until the core is woken, then the core, which answers in `state`.
struct Slot {
    apic_id: ApicId,
    order: AtomicU32,
    state: AtomicU32,
    entry: AtomicU64,
    zero_page: AtomicU64,
    stack_top: u64,
}

/// All cores but the boot processor.
pub struct Cores {
    apic: LocalApic,
    slots: &'static [CachePadded<Slot>],
}

/// The boot processor's memory type range registers, for the others.
static MTRRS: Once<Option<Mtrrs>> = Once::new();

impl Cores {
    /// Makes a slot and a stack for each, and lays the trampoline.
    pub fn prepare(apic: LocalApic, others: impl Iterator<Item = ApicId>) -> Self {
        MTRRS.call_once(Mtrrs::read);
        trampoline::place();
        let slots: Vec<_> = others.map(|id| CachePadded::new(Slot::new(id))).collect();
        Self { apic, slots: Vec::leak(slots) }
    }

    /// Whether the firmware has switched MTRRs on.
    pub fn mtrrs_enabled() -> bool {
        MTRRS.get().is_some_and(|mtrrs| mtrrs.as_ref().is_some_and(Mtrrs::enabled))
    }

    /// Brings up every core once, so that each takes over the MTRRs, and parks it. The first that does not answer is
    /// an error.
    pub fn park_all(&self) -> Result<usize, StartError> {
        for slot in self.slots {
            slot.expect(Order::Park);
            self.init(slot)?;
        }
        tsc::wait_us(INIT_US);
        for slot in self.slots {
            self.wake(slot, State::Parked)?;
        }
        Ok(self.slots.len())
    }

    /// Makes a core enter a kernel.
    pub fn enter(&self, core: ApicId, entry: Entry) -> Result<(), StartError> {
        let slot = self.slots.iter().find(|slot| slot.apic_id == core).ok_or(StartError { core, waited_ms: 0 })?;
        slot.entry.store(entry.address, Ordering::Relaxed);
        slot.zero_page.store(entry.zero_page, Ordering::Relaxed);
        slot.expect(Order::Enter);
        self.init(slot)?;
        tsc::wait_us(INIT_US);
        self.wake(slot, State::Entered)
    }

    fn init(&self, slot: &Slot) -> Result<(), StartError> {
        self.apic.send_init(slot.apic_id).map_err(|_| StartError { core: slot.apic_id, waited_ms: 0 })
    }

    /// Start-up, once more if need be (old processors miss the first), until the core answers.
    fn wake(&self, slot: &'static Slot, answer: State) -> Result<(), StartError> {
        let silent = |waited_ms| StartError { core: slot.apic_id, waited_ms };
        trampoline::prepare(slot.stack_top, core::ptr::from_ref(slot).addr() as u64);
        for _ in 0..2 {
            self.apic.send_startup(slot.apic_id, trampoline::PAGE).map_err(|_| silent(0))?;
            if slot.answers(answer, STARTUP_US) {
                return Ok(());
            }
        }
        if slot.answers(answer, ANSWER_MS * 1000) { Ok(()) } else { Err(silent(ANSWER_MS)) }
    }
}

impl Slot {
    fn new(apic_id: ApicId) -> Self {
        let stack = Vec::leak(alloc::vec![0_u8; STACK_LEN]).as_mut_ptr_range();
        Self {
            apic_id,
            order: AtomicU32::new(0),
            state: AtomicU32::new(State::Silent as u32),
            entry: AtomicU64::new(0),
            zero_page: AtomicU64::new(0),
            stack_top: stack.end.addr() as u64 & !0xf,
        }
    }

    /// Gives the order that the core finds when it comes up. The core is halted or owned by a dead kernel, so it does
    /// not look; the fence before the ICR is written ([`LocalApic::send_init`]) brings the order to it in time.
    fn expect(&self, order: Order) {
        self.state.store(State::Silent as u32, Ordering::Relaxed);
        self.order.store(order as u32, Ordering::Relaxed);
    }

    /// Acquire pairs with the release in [`core_main`]: what the core did before it answered is done.
    fn answers(&self, answer: State, within_us: u64) -> bool {
        let until = tsc::now() + tsc::ticks(within_us);
        loop {
            if self.state.load(Ordering::Acquire) == answer as u32 {
                return true;
            }
            if tsc::now() > until {
                return false;
            }
            core::hint::spin_loop();
        }
    }
}

/// Where the trampoline leads every core: on its own stack, with the identity map.
// SAFETY: no other item has this name; the trampoline calls it with a slot.
#[unsafe(no_mangle)]
extern "C" fn core_main(slot: &'static Slot) -> ! {
    let is_quiet = interrupts::load_quiet();
    debug_assert!(is_quiet, "the boot processor made it before it woke anybody");
    if let Some(Some(mtrrs)) = MTRRS.get() {
        mtrrs.apply();
    }
    if slot.order.load(Ordering::Relaxed) == Order::Enter as u32 {
        let entry =
            Entry { address: slot.entry.load(Ordering::Relaxed), zero_page: slot.zero_page.load(Ordering::Relaxed) };
        slot.state.store(State::Entered as u32, Ordering::Release);
        // SAFETY: the plan put a kernel there, and this core belongs to its partition.
        unsafe { enter_kernel(entry) }
    }
    slot.state.store(State::Parked as u32, Ordering::Release);
    halt::park()
}

/// Leaves the resident part for a kernel, by the 64-bit boot protocol.
///
/// # Safety
/// A kernel's 64-bit entry point lies at `entry.address` and its zero page at `entry.zero_page`, both identity-mapped.
pub unsafe fn enter_kernel(entry: Entry) -> ! {
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
