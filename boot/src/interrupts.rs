//! Faults of the resident part, which are logged, and the one interrupt that it uses: its timer. Other interrupts,
//! which a device of the firmware may have asked for earlier, are acknowledged and ignored.
//!
//! The stable compiler has no interrupt calling convention, so each vector enters through a few lines of assembly.

use core::arch::global_asm;
use core::sync::atomic::{AtomicU32, Ordering};

use partitioner::address::MIB;
use spin::Once;
use x86_64::VirtAddr;
use x86_64::registers::control::Cr2;
use x86_64::structures::idt::InterruptDescriptorTable;

use crate::apic::LocalApic;
use crate::halt;

/// The timer's vector, see [`crate::sleep`].
pub const TIMER_VECTOR: u8 = 0x40;
const SPURIOUS_VECTOR: u8 = 0xff;
const FAULTS: usize = 32;

static IDT: Once<InterruptDescriptorTable> = Once::new();
static TAKEN: AtomicU32 = AtomicU32::new(0);

unsafe extern "C" {
    /// Entry points of the faults, [`STUB_LEN`] bytes apart.
    static fault_stubs: u8;
    static interrupt_stub: u8;
    static spurious_stub: u8;
}

const STUB_LEN: usize = 16;

/// Gives this processor the table of the resident part.
pub fn load() {
    IDT.call_once(table).load();
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
"#,
    faults = const FAULTS,
    on_fault = sym on_fault,
    on_interrupt = sym on_interrupt,
);
