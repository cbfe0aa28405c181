//! Where a kernel's driver keeps the registers of its cores when they stop: in memory of its own, whose address stands in
//! [`Partition::registers`](crate::Partition::registers).
//!
//! There is a [`Registers`] for each core of the partition, in the order of its firmware tables.

use core::sync::atomic::AtomicU64;

/// The registers of a core, in the order of Linux's `elf_gregset_t`: r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax,
/// rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs.
pub const COUNT: usize = 27;

/// Those of one core.
#[repr(C, align(256))]
#[derive(Debug, Default)]
pub struct Registers {
    /// Not 0: they are those with which it has stopped.
    pub are_kept: AtomicU64,
    /// The number of the process that it was at.
    pub process: AtomicU64,
    /// See [`COUNT`].
    pub words: [AtomicU64; COUNT],
}

/// Bytes for each core.
pub const LEN: u64 = 256;

const _: () = assert!(size_of::<Registers>() as u64 == LEN);
