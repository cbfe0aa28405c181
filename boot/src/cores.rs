//! The other cores: woken by INIT-SIPI-SIPI into a page of ours, and sent on from there.
//!
//! Starting a core is one verb, whatever the core did before: it is reset, and it comes up in [`core_main`] with an
//! order in its [`Slot`]. So the resident part can take a core back from a dead kernel in the same way in which it
//! gave it away. The boot processor is the exception: an INIT to it resets the whole machine.
//!
//! Intel SDM volume 3, section 9.4.4.1 ("Typical BSP Initialization Sequence").

use alloc::vec::Vec;
use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use partitioner::inventory::ApicId;
use partitioner::layout::TRAMPOLINE;
use partitioner::machine::{Entry, StartError};
use spin::Once;

use crate::apic::LocalApic;
use crate::mtrr::Mtrrs;
use crate::{interrupts, paging, tsc};

/// Between INIT and the first start-up.
const INIT_US: u64 = 10_000;
/// Between a start-up and its repetition.
const STARTUP_US: u64 = 200;
/// How long a core may take to say that it is up.
const ANSWER_MS: u64 = 1000;

/// Small, so that stacks for as many cores as instances can drive (see [`ApicId::is_in_reach`]) fit into the heap.
const STACK_LEN: usize = 8 << 10;

/// What a core is told to do when it comes up.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Take over the MTRRs and halt.
    Park = 1,
    /// Enter the kernel that [`Slot::entry`] names.
    Enter = 2,
}

/// What a core says of itself.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing since its last reset.
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
        lay_trampoline();
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
        hand_to_trampoline(slot);
        for _ in 0..2 {
            self.apic.send_startup(slot.apic_id, TRAMPOLINE.start()).map_err(|_| silent(0))?;
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

/// Where every core arrives, on its own stack, with the identity map.
extern "C" fn core_main(slot: &'static Slot) -> ! {
    interrupts::load();
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
    park()
}

/// Halts this core until somebody resets it.
pub fn park() -> ! {
    loop {
        x86_64::instructions::interrupts::disable();
        x86_64::instructions::hlt();
    }
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

global_asm!(
    r#"
    .section .rodata.trampoline, "a"
    .balign 16
    .code16
trampoline_start:
    cli
    cld
    xor ax, ax
    mov ds, ax
    lgdtd [placed_gdt]
    mov eax, cr0
    or eax, 1
    mov cr0, eax
    .byte 0x66, 0xea                    /* far jump to 32-bit code */
    .long {base} + trampoline32 - trampoline_start
    .short 0x08

    .code32
trampoline32:
    mov ax, 0x18
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, [placed_stack]
    mov eax, [placed_root]
    lea ebx, [to_long_mode]             /* absolute: this code is not where it was linked */
    call ebx
    push 0x10
    lea eax, [trampoline64]
    push eax
    retf

    .balign 8
trampoline_gdt:
    .short 31
    .long gdt
    .balign 8
    .global trampoline_root, trampoline_stack, trampoline_slot
trampoline_root:    .quad 0
trampoline_stack:   .quad 0
trampoline_slot:    .quad 0
trampoline_end:
    /* Where these are once the trampoline lies in its page. */
    .set placed_gdt, {base} + trampoline_gdt - trampoline_start
    .set placed_root, {base} + trampoline_root - trampoline_start
    .set placed_stack, {base} + trampoline_stack - trampoline_start
    .set placed_slot, {base} + trampoline_slot - trampoline_start

    .section .text.trampoline64, "ax"
    .code64
trampoline64:
    mov ax, 0x18
    mov ds, ax
    mov es, ax
    mov ss, ax
    xor eax, eax
    mov fs, ax
    mov gs, ax
    mov rsp, [placed_stack]
    mov rdi, [placed_slot]
    xor ebp, ebp
    call {core_main}
    ud2
"#,
    base = const TRAMPOLINE.start(),
    core_main = sym core_main,
);

unsafe extern "C" {
    static trampoline_start: u8;
    static trampoline_end: u8;
    static trampoline_root: u8;
    static trampoline_stack: u8;
    static trampoline_slot: u8;
}

/// Copies the trampoline to its page.
fn lay_trampoline() {
    let start = &raw const trampoline_start;
    let len = (&raw const trampoline_end).addr() - start.addr();
    assert!(len as u64 <= TRAMPOLINE.len(), "the trampoline is longer than its page");
    // SAFETY: the planner has seen that the page is usable memory; nobody else is told of it.
    unsafe { core::ptr::copy_nonoverlapping(start, TRAMPOLINE.start() as *mut u8, len) }
}

/// Tells the trampoline which core comes next: one at a time comes through.
fn hand_to_trampoline(slot: &'static Slot) {
    let write = |symbol: *const u8, value: u64| {
        let offset = symbol.addr() - (&raw const trampoline_start).addr();
        // SAFETY: the word lies in the trampoline's page, and no core is on its way through it: each is waited for.
        unsafe { ((TRAMPOLINE.start() + offset as u64) as *mut u64).write_volatile(value) }
    };
    write(&raw const trampoline_root, u64::from(paging::root()));
    write(&raw const trampoline_stack, slot.stack_top);
    write(&raw const trampoline_slot, core::ptr::from_ref(slot).addr() as u64);
}
