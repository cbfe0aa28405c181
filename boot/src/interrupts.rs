//! Faults of the resident part, which are logged, and the one interrupt that it uses: its timer. Other interrupts,
//! which a device of the firmware may have asked for earlier, are acknowledged and ignored.
//!
//! There are two tables. The boot processor's logs every fault, and a double fault and an NMI have stacks of their own: they
//! may come when the boot processor's has no room. The quiet one is for processors that wait or leave: an NMI and a machine
//! check, which come from outside, end there.
//!
//! The stable compiler has no interrupt calling convention, so each vector enters through a few lines of assembly.

use alloc::vec::Vec;
use core::arch::global_asm;
use core::sync::atomic::{AtomicU32, Ordering};

use partitioner::address::MIB;
use spin::Once;
use x86_64::VirtAddr;
use x86_64::instructions::tables::load_tss;
use x86_64::registers::control::Cr2;
use x86_64::registers::segmentation::{CS, DS, ES, SS, Segment};
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector};
use x86_64::structures::idt::InterruptDescriptorTable;
use x86_64::structures::tss::TaskStateSegment;

use crate::apic::LocalApic;
use crate::halt;

/// The timer's vector, see [`crate::sleep`].
pub const TIMER_VECTOR: u8 = 0x40;
/// Of an interrupt that is gone when its processor asks for it.
pub const SPURIOUS_VECTOR: u8 = 0xff;
const FAULTS: usize = 32;

static LOGGED: Once<InterruptDescriptorTable> = Once::new();
static QUIET: Once<InterruptDescriptorTable> = Once::new();
static GDT: Once<(GlobalDescriptorTable, SegmentSelector)> = Once::new();
static TSS: Once<TaskStateSegment> = Once::new();
static TAKEN: AtomicU32 = AtomicU32::new(0);

unsafe extern "C" {
    /// Entry points of the faults, [`STUB_LEN`] bytes apart.
    static fault_stubs: u8;
    static interrupt_stub: u8;
    static spurious_stub: u8;
    static quiet_nmi_stub: u8;
    static quiet_machine_check_stub: u8;
}

const STUB_LEN: usize = 16;

/// Places in the table of stacks: of a double fault, of an NMI.
const STACKS: [u16; 2] = [0, 1];
const STACK_LEN: usize = 16 << 10;

/// Gives the boot processor the table that logs, and a stack for each fault that needs one.
///
/// # Safety
/// On the boot processor, once.
pub unsafe fn load_for_boot_processor() {
    let tss = TSS.call_once(task_state);
    let (gdt, selector) = GDT.call_once(|| descriptors(tss));
    gdt.load();
    // SAFETY: the new table has the same code and data where the old one had them, and the task state at its selector.
    unsafe {
        CS::set_reg(KERNEL_CODE);
        DS::set_reg(KERNEL_DATA);
        ES::set_reg(KERNEL_DATA);
        SS::set_reg(KERNEL_DATA);
        load_tss(*selector);
    }
    LOGGED.call_once(logged_table).load();
    // Here and not where it is loaded: the other cores' stacks are hardly longer than a table.
    QUIET.call_once(quiet_table);
}

/// Gives this processor the table in which an NMI and a machine check end without a word, if there is one yet.
pub fn load_quiet() -> bool {
    QUIET.get().inspect(|table| table.load()).is_some()
}

/// Code and data where [`crate::entry`] and Linux's 64-bit boot protocol have them: behind the trampoline's 32-bit code.
const KERNEL_CODE: SegmentSelector = SegmentSelector(0x10);
const KERNEL_DATA: SegmentSelector = SegmentSelector(0x18);

fn descriptors(tss: &'static TaskStateSegment) -> (GlobalDescriptorTable, SegmentSelector) {
    let mut gdt = GlobalDescriptorTable::new();
    let code = gdt.append(Descriptor::UserSegment(0x00cf_9b00_0000_ffff));
    let long_code = gdt.append(Descriptor::kernel_code_segment());
    let data = gdt.append(Descriptor::kernel_data_segment());
    debug_assert!(code.0 == 8 && long_code == KERNEL_CODE && data == KERNEL_DATA);
    let selector = gdt.append(Descriptor::tss_segment(tss));
    (gdt, selector)
}

fn task_state() -> TaskStateSegment {
    let mut tss = TaskStateSegment::new();
    for place in STACKS {
        let stack = Vec::leak(alloc::vec![0_u8; STACK_LEN]).as_ptr_range();
        tss.interrupt_stack_table[usize::from(place)] = VirtAddr::from_ptr(stack.end).align_down(16_u64);
    }
    tss
}

fn logged_table() -> InterruptDescriptorTable {
    let mut table = table();
    let [double_fault, nmi] = STACKS;
    let stubs = VirtAddr::from_ptr(&raw const fault_stubs);
    // SAFETY: these are the stubs of the two, and the boot processor has these stacks.
    unsafe {
        let at = |vector: usize| stubs + (vector * STUB_LEN) as u64;
        table.double_fault.set_handler_addr(at(8)).set_stack_index(double_fault);
        table.non_maskable_interrupt.set_handler_addr(at(2)).set_stack_index(nmi);
    }
    table
}

fn quiet_table() -> InterruptDescriptorTable {
    let mut table = table();
    // SAFETY: these are stubs that return from what pushes no error code.
    unsafe {
        table.non_maskable_interrupt.set_handler_addr(VirtAddr::from_ptr(&raw const quiet_nmi_stub));
        table.machine_check.set_handler_addr(VirtAddr::from_ptr(&raw const quiet_machine_check_stub));
    }
    table
}

fn table() -> InterruptDescriptorTable {
    let mut table = InterruptDescriptorTable::new();
    let stubs = VirtAddr::from_ptr(&raw const fault_stubs);
    let stub = |vector: usize| stubs + (vector * STUB_LEN) as u64;
    // SAFETY: each address is that of a stub for the frame that its fault pushes.
    unsafe {
        table.divide_error.set_handler_addr(stub(0));
        table.debug.set_handler_addr(stub(1));
        table.non_maskable_interrupt.set_handler_addr(stub(2));
        table.breakpoint.set_handler_addr(stub(3));
        table.overflow.set_handler_addr(stub(4));
        table.bound_range_exceeded.set_handler_addr(stub(5));
        table.invalid_opcode.set_handler_addr(stub(6));
        table.device_not_available.set_handler_addr(stub(7));
        table.double_fault.set_handler_addr(stub(8));
        table.invalid_tss.set_handler_addr(stub(10));
        table.segment_not_present.set_handler_addr(stub(11));
        table.stack_segment_fault.set_handler_addr(stub(12));
        table.general_protection_fault.set_handler_addr(stub(13));
        table.page_fault.set_handler_addr(stub(14));
        table.x87_floating_point.set_handler_addr(stub(16));
        table.alignment_check.set_handler_addr(stub(17));
        table.machine_check.set_handler_addr(stub(18));
        table.simd_floating_point.set_handler_addr(stub(19));
        for vector in FAULTS as u8..SPURIOUS_VECTOR {
            table[vector].set_handler_addr(VirtAddr::from_ptr(&raw const interrupt_stub));
        }
        table[SPURIOUS_VECTOR].set_handler_addr(VirtAddr::from_ptr(&raw const spurious_stub));
    }
    table
}

/// What the stubs leave on the stack, upwards.
#[repr(C)]
struct Fault {
    vector: u64,
    error_code: u64,
    rip: u64,
}

extern "C" fn on_fault(fault: &Fault) -> ! {
    // SAFETY: this processor never goes on with what it did; if another one holds the log, its line is cut.
    unsafe { crate::log::seize() };
    halt::fail(
        crate::log::current_step(),
        format_args!(
            "error[fault]: exception {} with error code {:#x} at {:#x}, address {:#x}",
            fault.vector,
            fault.error_code,
            fault.rip,
            Cr2::read_raw()
        ),
    )
}

/// The number of interrupts so far, of whatever vector.
pub fn taken() -> u32 {
    // Relaxed: the same processor counts.
    TAKEN.load(Ordering::Relaxed)
}

extern "C" fn on_interrupt() {
    TAKEN.fetch_add(1, Ordering::Relaxed);
    LocalApic::here().end_of_interrupt();
}

const _: () = assert!(FAULTS * STUB_LEN < MIB as usize);

global_asm!(
    r#"
    .section .text.stubs, "ax"
    .balign 16
    .global fault_stubs, interrupt_stub, spurious_stub
fault_stubs:
    .set vector, 0
    .rept {faults}
    .balign 16
    /* 8, 10 to 14, 17, 21, 29 and 30 push an error code themselves. */
    .if (0x60227d00 >> vector) & 1 == 0
    push 0
    .endif
    push vector
    jmp fault_common
    .set vector, vector + 1
    .endr

fault_common:
    mov rdi, rsp
    and rsp, -16
    call {on_fault}
    ud2

    .balign 16
interrupt_stub:
    push rax
    push rcx
    push rdx
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    cld
    call {on_interrupt}
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rdx
    pop rcx
    pop rax
spurious_stub:
    iretq

    .balign 16
    .global quiet_nmi_stub, quiet_machine_check_stub
quiet_nmi_stub:
    iretq
    /* IA32_MCG_STATUS.MCIP must be clear before the next one, or that one is a shutdown. */
quiet_machine_check_stub:
    push rax
    push rcx
    push rdx
    mov ecx, 0x17a
    xor eax, eax
    xor edx, edx
    wrmsr
    pop rdx
    pop rcx
    pop rax
    iretq
"#,
    faults = const FAULTS,
    on_fault = sym on_fault,
    on_interrupt = sym on_interrupt,
);
