//! The first instructions: from what a boot loader leaves (32-bit protected mode, no paging) to Rust in long mode.
//!
//! One ELF file has two entrances that meet at once:
//! - `multiboot2_entry`: GRUB 2, under BIOS and under UEFI (Multiboot2 Specification 2.0, section 3.3, "I386 machine
//!   state"): EBX holds the boot information, EAX the magic number;
//! - `pvh_entry`: `qemu -kernel`, by the ELF note of type 18 (Xen `docs/misc/pvh.pandoc`): EBX holds `hvm_start_info`.
//!
//! The GDT is laid out as Linux's 64-bit boot protocol wants to find it: code 0x10, data 0x18.

use core::arch::global_asm;

/// What came in: which entrance was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// Multiboot2 with that magic number in EAX.
    Multiboot2(u32),
    /// PVH.
    Pvh,
}

impl Protocol {
    /// From the two numbers that the assembly passes.
    pub fn from_entrance(entrance: u32, eax: u32) -> Self {
        if entrance == 1 { Self::Pvh } else { Self::Multiboot2(eax) }
    }
}

// By this note the `sprig` command knows a boot image, and its version.
global_asm!(
    ".section .note.sprig, \"a\", @note",
    ".balign 4",
    ".long 6, 2f - 1f, 1", // name and descriptor sizes, type 1: the version
    ".asciz \"Sprig\"",
    ".balign 4",
    concat!("1: .ascii \"", env!("CARGO_PKG_VERSION"), "\""),
    "2: .balign 4",
);

global_asm!(
    r#"
    .section .header.multiboot2, "a"
    .balign 8
multiboot2_header:
    .long 0xe85250d6, 0, multiboot2_header_end - multiboot2_header
    .long -(0xe85250d6 + multiboot2_header_end - multiboot2_header)
    .balign 8
    .short 6, 0                         /* modules on page boundaries */
    .long 8
    .balign 8
    .short 0, 0                         /* end of tags */
    .long 8
multiboot2_header_end:

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, 18                      /* name and descriptor sizes, XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .quad pvh_entry

    .section .text.entry, "ax"
    .code32
    .global multiboot2_entry
multiboot2_entry:
    mov edi, 0
    jmp 1f
    .global pvh_entry
pvh_entry:
    mov edi, 1
1:  cli
    cld
    lea esp, [boot_stack_top]
    mov ebp, eax

    /* Identity-map the first 4 GiB in 2 MiB pages; Rust maps the rest. */
    lea eax, [boot_pdpt + 3]
    mov [boot_pml4], eax
    lea eax, [boot_pd + 3]
    xor ecx, ecx
2:  mov [boot_pdpt + ecx * 8], eax
    add eax, 0x1000
    inc ecx
    cmp ecx, 4
    jne 2b
    mov eax, 0x83
    xor ecx, ecx
3:  mov [boot_pd + ecx * 8], eax
    add eax, 0x200000
    inc ecx
    cmp ecx, 2048
    jne 3b

    lea eax, [boot_pml4]
    call to_long_mode
    lgdt [gdt_pointer]
    push 0x10
    lea eax, [entry64]
    push eax
    retf

    /* Turns long mode and paging on with the page tables at EAX; shared with the trampoline of the other cores. */
    .global to_long_mode
to_long_mode:
    mov cr3, eax
    mov eax, 0x20                       /* PAE, and nothing that firmware left: with LA57 CR3 would mean another table */
    mov cr4, eax
    mov ecx, 0xc0000080                 /* EFER.LME */
    rdmsr
    or eax, 0x100
    wrmsr
    mov eax, cr0
    and eax, 0x9fffffff                 /* caches on: CD and NW off */
    or eax, 0x80010001                  /* PG, WP, PE */
    mov cr0, eax
    ret

    .code64
entry64:
    mov ax, 0x18
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov fs, ax
    mov gs, ax
    lea rsp, [boot_stack_top]
    mov esi, ebx                        /* the loader's information */
    mov edx, ebp                        /* EAX as it came */
    xor ebp, ebp
    call boot_main
    ud2

    .section .rodata.gdt, "a"
    .balign 16
    .global gdt
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff            /* 0x08: 32-bit code, for the trampoline */
    .quad 0x00af9b000000ffff            /* 0x10: 64-bit code */
    .quad 0x00cf93000000ffff            /* 0x18: data */
gdt_end:
    .global gdt_pointer
gdt_pointer:
    .short gdt_end - gdt - 1
    .quad gdt

    .section .bss.boot, "aw", @nobits
    .balign 4096
    .global boot_pml4, boot_pdpt
boot_pml4:  .skip 4096
boot_pdpt:  .skip 4096
boot_pd:    .skip 16384
    .global boot_pd, boot_stack_guard
boot_stack_guard: .skip 4096            /* paging takes it out of the map */
boot_stack: .skip 65536
boot_stack_top:
"#,
);
