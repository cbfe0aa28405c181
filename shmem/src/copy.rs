//! Copies between the window and private memory: volatile, since the window may change under them at any moment.
//!
//! | routine | where | for |
//! |---|---|---|
//! | [`vector`] | processes, on processors with AVX | every length from 32 bytes |
//! | [`string`] | kernels, on processors that say that they are good at `rep movsb` | from 128 bytes |
//! | [`words`] | everywhere | the rest |
//!
//! A kernel would have to save the vector registers first, so what is compiled for one has no vectors. Who has to see
//! what is copied, Miri or a sanitizer (`--cfg visible_copies`), gets words always: an instruction is nothing to them.

#![expect(unsafe_code, reason = "the window is memory that others write to")]

use core::ptr;

/// Copies `len` bytes.
///
/// # Safety
/// `from` must be readable and `to` writable for `len` bytes, and they must not overlap.
#[inline]
pub(crate) unsafe fn volatile(to: *mut u8, from: *const u8, len: usize) {
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(any(miri, visible_copies))))]
    if len >= vector::LEAST && vector::is_there() {
        // SAFETY: handed on; the length was asked for.
        return unsafe { vector::copy(to, from, len) };
    }
    #[cfg(all(target_arch = "x86_64", not(any(miri, visible_copies))))]
    if len >= string::WORTH_IT && string::is_fast() {
        // SAFETY: handed on.
        return unsafe { string::copy(to, from, len) };
    }
    // SAFETY: handed on.
    unsafe { words(to, from, len) }
}

/// By words of 8 bytes, four at a time, the rest by bytes.
#[inline]
unsafe fn words(to: *mut u8, from: *const u8, len: usize) {
    let word = |at: usize| {
        // SAFETY: the callers below pass only `at + 8 <= len`, and the whole range may be read and written.
        unsafe { ptr::read_volatile(from.add(at).cast::<Unaligned>()) }
    };
    let mut at = 0;
    while at + 32 <= len {
        let four = [word(at), word(at + 8), word(at + 16), word(at + 24)];
        // SAFETY: `at + 32 <= len`.
        unsafe { ptr::write_volatile(to.add(at).cast::<[Unaligned; 4]>(), four) };
        at += 32;
    }
    while at + 8 <= len {
        // SAFETY: `at + 8 <= len`.
        unsafe { ptr::write_volatile(to.add(at).cast::<Unaligned>(), word(at)) };
        at += 8;
    }
    while at < len {
        // SAFETY: `at < len`.
        unsafe { ptr::write_volatile(to.add(at), ptr::read_volatile(from.add(at))) };
        at += 1;
    }
}

/// A word at any address.
#[repr(C, packed)]
#[derive(Clone, Copy)]
struct Unaligned(u64);

/// By `rep movsb`, where the processor says that it is good at it (ERMS, CPUID leaf 7; Intel's Optimization Reference
/// Manual, section 3.7.6).
#[cfg(all(target_arch = "x86_64", not(any(miri, visible_copies))))]
mod string {
    use core::arch::asm;
    use core::arch::x86_64::{__cpuid, __cpuid_count};

    use super::capability::Capability;

    /// Below this the start of the instruction costs more than it saves.
    pub(super) const WORTH_IT: usize = 128;
    /// What is fetched ahead of the instruction, which by itself waits for lines that another core has written one
    /// after the other.
    const AHEAD: usize = 2048;
    const LINE: usize = 64;
    /// CPUID leaf 7, EBX: enhanced REP MOVSB.
    const ERMS: u32 = 1 << 9;

    static FAST: Capability = Capability::new();

    #[inline]
    pub(super) fn is_fast() -> bool {
        FAST.ask(|| __cpuid(0).eax >= 7 && __cpuid_count(7, 0).ebx & ERMS != 0)
    }

    /// # Safety
    /// As for [`super::volatile`].
    #[inline]
    pub(super) unsafe fn copy(to: *mut u8, from: *const u8, len: usize) {
        let mut done = 0;
        while done < len {
            let now = (len - done).min(AHEAD);
            // SAFETY: `done + now` is at most `len`.
            unsafe {
                fetch(from.add(done), now);
                move_bytes(to.add(done), from.add(done), now);
            }
            done += now;
        }
    }

    /// # Safety
    /// As for [`super::volatile`].
    #[inline]
    unsafe fn move_bytes(to: *mut u8, from: *const u8, len: usize) {
        // SAFETY: RDI, RSI and RCX are what the instruction reads; the ABI keeps the direction flag clear. It touches
        // the two ranges only. Opaque to the compiler, it is as good as volatile.
        unsafe {
            asm!(
                "rep movsb",
                inout("rdi") to => _,
                inout("rsi") from => _,
                inout("rcx") len => _,
                options(nostack, preserves_flags)
            );
        }
    }

    /// # Safety
    /// `from` must be readable for `len` bytes.
    #[inline]
    unsafe fn fetch(from: *const u8, len: usize) {
        for at in (0..len).step_by(LINE) {
            // SAFETY: a hint, which changes nothing but the caches; the address lies in readable memory.
            unsafe { asm!("prefetcht0 [{}]", in(reg) from.add(at), options(nostack, preserves_flags, readonly)) };
        }
    }
}

/// By AVX, 32 bytes at a time (Intel SDM volume 1, chapter 14). Not compiled for kernels: their targets have no SSE.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(any(miri, visible_copies))))]
mod vector {
    use core::arch::asm;
    use core::arch::x86_64::__cpuid;

    use super::capability::Capability;

    /// One vector.
    pub(super) const LEAST: usize = 32;
    /// CPUID leaf 1, ECX: AVX, and XGETBV, by which the system says that it keeps the registers.
    const AVX: u32 = 1 << 28;
    const OSXSAVE: u32 = 1 << 27;
    /// XCR0: the system keeps XMM and YMM.
    const KEPT: u32 = 0b110;

    static THERE: Capability = Capability::new();

    #[inline]
    pub(super) fn is_there() -> bool {
        THERE.ask(|| {
            let has = |bits| __cpuid(1).ecx & bits == bits;
            has(AVX | OSXSAVE) && kept_by_the_system() & KEPT == KEPT
        })
    }

    fn kept_by_the_system() -> u32 {
        let low: u32;
        // SAFETY: OSXSAVE says that the instruction is there; it reads a register.
        unsafe { asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") _, options(nomem, nostack, preserves_flags)) };
        low
    }

    /// Four vectors at a time, then one, then the last one once more as far as it overlaps.
    ///
    /// # Safety
    /// As for [`super::volatile`]; `len` is at least [`LEAST`], and the processor and the system have AVX.
    #[inline]
    pub(super) unsafe fn copy(to: *mut u8, from: *const u8, len: usize) {
        // SAFETY: every access lies between the first byte and the last: the loops go on while a whole step is left,
        // and the last vector ends with the range, which is as long as one. The upper halves are cleared, so that SSE
        // code that follows is not slowed. Opaque to the compiler, it is as good as volatile.
        unsafe {
            asm!(
                "sub {left}, 128",
                "jb 3f",
                "2:",
                "vmovdqu ymm0, [{from}]",
                "vmovdqu ymm1, [{from} + 32]",
                "vmovdqu ymm2, [{from} + 64]",
                "vmovdqu ymm3, [{from} + 96]",
                "vmovdqu [{to}], ymm0",
                "vmovdqu [{to} + 32], ymm1",
                "vmovdqu [{to} + 64], ymm2",
                "vmovdqu [{to} + 96], ymm3",
                "sub {from}, -128",
                "sub {to}, -128",
                "sub {left}, 128",
                "jae 2b",
                "3:",
                "add {left}, 96",
                "jnc 5f",
                "4:",
                "vmovdqu ymm0, [{from}]",
                "vmovdqu [{to}], ymm0",
                "add {from}, 32",
                "add {to}, 32",
                "sub {left}, 32",
                "jae 4b",
                "5:",
                "vmovdqu ymm0, [{from} + {left}]",
                "vmovdqu [{to} + {left}], ymm0",
                "vzeroupper",
                from = inout(reg) from => _,
                to = inout(reg) to => _,
                left = inout(reg) len => _,
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
                options(nostack)
            );
        }
    }
}

/// What a processor can do, asked once.
#[cfg(all(target_arch = "x86_64", not(any(miri, visible_copies))))]
mod capability {
    use core::sync::atomic::{AtomicU8, Ordering};

    const UNKNOWN: u8 = 0;
    const NO: u8 = 1;
    const YES: u8 = 2;

    /// Relaxed is enough: a thread that reads an old value finds out for itself, with the same result.
    pub(super) struct Capability(AtomicU8);

    impl Capability {
        pub(super) const fn new() -> Self {
            Self(AtomicU8::new(UNKNOWN))
        }

        #[inline]
        pub(super) fn ask(&self, find_out: impl FnOnce() -> bool) -> bool {
            match self.0.load(Ordering::Relaxed) {
                UNKNOWN => self.learn(find_out()),
                known => known == YES,
            }
        }

        #[cold]
        fn learn(&self, can: bool) -> bool {
            self.0.store(if can { YES } else { NO }, Ordering::Relaxed);
            can
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    /// A routine, and the least that it copies.
    type Routine = (unsafe fn(*mut u8, *const u8, usize), usize);

    #[test]
    fn every_routine_copies_every_length_at_every_alignment_and_no_byte_beyond() {
        let mut routines: Vec<Routine> = vec![(super::volatile, 0), (super::words, 0)];
        #[cfg(all(target_arch = "x86_64", not(any(miri, visible_copies))))]
        routines.push((super::string::copy, 0));
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(any(miri, visible_copies))))]
        if super::vector::is_there() {
            routines.push((super::vector::copy, super::vector::LEAST));
        }
        let from: Vec<u8> = (0..6_000u32).map(|number| (number % 251) as u8 + 1).collect();
        for (routine, least) in routines {
            for len in (0..300).chain([383, 384, 385, 2047, 2048, 2049, 5_000]).filter(|len| *len >= least) {
                for shift in 0..9 {
                    let mut to = vec![0; 6_000];
                    // SAFETY: both vectors are long enough for `shift + len`.
                    unsafe { routine(to.as_mut_ptr().add(shift), from.as_ptr().add(9 - shift), len) };
                    assert_eq!(to[shift..shift + len], from[9 - shift..9 - shift + len]);
                    assert!(to[..shift].iter().chain(&to[shift + len..]).all(|byte| *byte == 0));
                }
            }
        }
    }
}
