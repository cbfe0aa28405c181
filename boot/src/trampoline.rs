//! The code in which other cores start: from real mode, in a page below 1 MiB, to `core_main` in long mode.
//!
//! Intel SDM volume 3, section 9.4.4.2 ("Typical AP Initialization Sequence"). The page tables, the stack and the
//! argument of the core that comes next are three words behind the code.

use core::arch::global_asm;

use partitioner::layout::TRAMPOLINE;

use crate::paging;

/// The page that a start-up names.
pub const PAGE: u64 = TRAMPOLINE.start();

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
    .global trampoline_start, trampoline_end, trampoline_root, trampoline_stack, trampoline_slot
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
    call core_main
    ud2
"#,
    base = const PAGE,
);

unsafe extern "C" {
    static trampoline_start: u8;
    static trampoline_end: u8;
    static trampoline_root: u8;
    static trampoline_stack: u8;
    static trampoline_slot: u8;
}

/// Copies the trampoline to its page.
pub fn place() {
    let start = &raw const trampoline_start;
    let len = (&raw const trampoline_end).addr() - start.addr();
    assert!(len as u64 <= TRAMPOLINE.len(), "the trampoline is longer than its page");
    // SAFETY: the planner has seen that the page is usable memory; nobody else uses it.
    unsafe { core::ptr::copy_nonoverlapping(start, PAGE as *mut u8, len) }
}

/// Gives the next core its stack and the argument of `core_main`. One core at a time comes through.
pub fn prepare(stack_top: u64, slot: u64) {
    let write = |symbol: *const u8, value: u64| {
        let offset = symbol.addr() - (&raw const trampoline_start).addr();
        // SAFETY: the word lies in the trampoline's page, and no core is on its way through it: each is waited for.
        unsafe { ((PAGE + offset as u64) as *mut u64).write_volatile(value) }
    };
    write(&raw const trampoline_root, u64::from(paging::root()));
    write(&raw const trampoline_stack, stack_top);
    write(&raw const trampoline_slot, slot);
}
