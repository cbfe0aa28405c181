//! The code in which cores come to the resident part: from real mode, in a page below 1 MiB, to `core_main` in long mode.
//!
//! Intel SDM volume 3, section 9.4.4.2 ("Typical AP Initialization Sequence"). Any number of cores may come at once: each
//! finds its stack by its APIC ID, and nothing here is written.
//!
//! A core that was not reset enters at [`GATE`], in 64-bit mode, with a map in which the page lies at its physical address.

use core::arch::global_asm;

use control::MAX_CORES;
use partitioner::layout::TRAMPOLINE;

/// The page that a start-up names.
pub const PAGE: u64 = TRAMPOLINE.start();

/// Where in the page a core enters that was not reset.
const GATE_AT: u64 = 0x800;
/// The same as an address.
pub const GATE: u64 = PAGE + GATE_AT;

/// The stack of each core, by its APIC ID, as an address below 4 GiB; 0: none.
#[unsafe(no_mangle)]
// SAFETY: no other item has this name; the trampoline reads it.
static mut core_stacks: [u32; MAX_CORES] = [0; MAX_CORES];

global_asm!(
    r#"
    .section .rodata.trampoline, "a"
    .balign {gate_at}
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
    mov esi, 0x1f                       /* the leaves with whole APIC IDs */
1:  xor eax, eax
    cpuid
    cmp eax, esi
    jb 2f
    mov eax, esi
    xor ecx, ecx
    cpuid
    test ebx, ebx
    jnz 4f
2:  cmp esi, 0x0b
    je 3f
    mov esi, 0x0b
    jmp 1b
3:  mov eax, 1                          /* the first eight bits */
    cpuid
    mov edx, ebx
    shr edx, 24
4:  cmp edx, {cores}
    jae 5f
    mov edi, edx
    lea ebx, [core_stacks]              /* absolute: this code is not where it was linked */
    mov esp, [ebx + edx * 4]
    test esp, esp
    jz 5f
    lea eax, [boot_pml4]
    lea ebx, [to_long_mode]
    call ebx
    push 0x10
    lea eax, [trampoline64]
    push eax
    retf
5:  cli                                 /* a core that the boot image does not know */
    hlt
    jmp 5b

    .balign 8
trampoline_gdt:
    .short 31
    .long gdt

    .balign {gate_at}
    /* From 64-bit mode to what a start-up leaves, but for the segments. CR4 keeps LA57 until paging is off. */
    .code64
trampoline_gate:
    .byte 0xf3, 0x0f, 0x1e, 0xfa        /* ENDBR64: a kernel may have branch tracking on */
    cli
    cld
    xor eax, eax
    mov ss, ax
    lea rsp, [placed_gate_stack]
    lgdt [placed_gdt64]
    mov rax, cr4
    and eax, 0x1020                     /* PAE, LA57 */
    mov cr4, rax
    push 0x08
    lea rax, [placed_gate32]
    push rax
    retfq

    .code32
trampoline_gate32:
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax
    xor eax, eax
    mov cr4, eax
    xor edx, edx
    mov ecx, 0xc0000080
    wrmsr
    lea eax, [placed_trampoline32]
    jmp eax

    .balign 8
trampoline_gdt64:
    .short 31
    .quad gdt
trampoline_end:
    /* Where these are once the trampoline lies in its page. */
    .set placed_gdt, {base} + trampoline_gdt - trampoline_start
    .set placed_gdt64, {base} + trampoline_gdt64 - trampoline_start
    .set placed_trampoline32, {base} + trampoline32 - trampoline_start
    .set placed_gate32, {base} + trampoline_gate32 - trampoline_start
    .set placed_gate_stack, {base} + 0x1000
    .global trampoline_start, trampoline_gate, trampoline_end

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
    mov edi, edi                        /* the APIC ID, zero-extended */
    xor ebp, ebp
    call core_main
    ud2
"#,
    base = const PAGE,
    gate_at = const GATE_AT,
    cores = const MAX_CORES,
);

unsafe extern "C" {
    static trampoline_start: u8;
    static trampoline_gate: u8;
    static trampoline_end: u8;
}

/// Copies the trampoline to its page.
pub fn place() {
    let start = &raw const trampoline_start;
    let len = (&raw const trampoline_end).addr() - start.addr();
    let gate = (&raw const trampoline_gate).addr() - start.addr();
    assert!(len as u64 <= TRAMPOLINE.len() && gate as u64 == GATE_AT, "the trampoline is longer than its page");
    // SAFETY: the planner has seen that the page is usable memory; nobody else uses it.
    unsafe { core::ptr::copy_nonoverlapping(start, PAGE as *mut u8, len) }
}

/// Gives a core its stack.
///
/// # Safety
/// Only for the boot processor, before that core is woken for the first time.
pub unsafe fn give_stack(apic_id: u32, top: u32) {
    // SAFETY: by the contract nobody else reads or writes this word.
    unsafe { core_stacks[apic_id as usize] = top }
}
