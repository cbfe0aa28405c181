//! Where a kernel's driver keeps the registers of its cores when they stop: in memory of its own, whose address stands in
//! [`Partition::registers`](crate::Partition::registers).
//!
//! There is a [`Registers`] for each core of the partition, in the order of its firmware tables.

use core::sync::atomic::{AtomicU64, Ordering};

/// The registers of a core, in the order of Linux's `elf_gregset_t`: r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax,
/// rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs.
pub const COUNT: usize = 27;

/// Those of one core.
#[repr(C, align(256))]
#[derive(Debug, Default)]
pub struct Registers {
    /// Not 0: it has stopped with these.
    pub are_kept: AtomicU64,
    /// The number of the process that it was at.
    pub process: AtomicU64,
    /// See [`COUNT`].
    pub words: [AtomicU64; COUNT],
}

impl Registers {
    /// Keeps these.
    pub fn keep(&self, words: &[u64], process: u64) {
        for (to, from) in self.words.iter().zip(words) {
            to.store(*from, Ordering::Relaxed);
        }
        self.process.store(process, Ordering::Relaxed);
        self.are_kept.store(1, Ordering::Release);
    }

    /// They are no longer those of the core, which goes on.
    pub fn drop(&self) {
        self.are_kept.store(0, Ordering::Release);
    }
}

/// Bytes for each core.
pub const LEN: u64 = 256;

const _: () = assert!(size_of::<Registers>() as u64 == LEN);
