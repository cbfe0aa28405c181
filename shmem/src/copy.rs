//! Copies between the window and private memory: volatile, since the window may change under them at any moment.
//!
//! One of two routines is taken once and for all, as Linux and the C libraries do: `rep movsb` where the processor says
//! that it is good at it (ERMS, CPUID leaf 7; Intel's Optimization Reference Manual, section 3.7.6), else words of 8
//! bytes. Neither needs the vector registers, which a kernel would have to save first. Who has to see what is copied, Miri
//! or a sanitizer (`--cfg visible_copies`), gets words always: an instruction is nothing to them.

#![expect(unsafe_code, reason = "the window is memory that others write to")]

use core::ptr;

/// Copies `len` bytes.
///
/// # Safety
/// `from` must be readable and `to` writable for `len` bytes, and they must not overlap.
pub(crate) unsafe fn volatile(to: *mut u8, from: *const u8, len: usize) {
    #[cfg(all(target_arch = "x86_64", not(any(miri, visible_copies))))]
    if len >= string::WORTH_IT && string::is_fast() {
        // SAFETY: handed on.
        return unsafe { string::copy(to, from, len) };
    }
    // SAFETY: handed on.
    unsafe { words(to, from, len) }
}

/// By words of 8 bytes, four at a time, the rest by bytes.
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

#[cfg(all(target_arch = "x86_64", not(any(miri, visible_copies))))]
mod string {
    use core::arch::asm;
    use core::arch::x86_64::{__cpuid, __cpuid_count};
    use core::sync::atomic::{AtomicU8, Ordering};

    /// Below this the start of the instruction costs more than it saves.
    pub(super) const WORTH_IT: usize = 128;

    const UNKNOWN: u8 = 0;
    const SLOW: u8 = 1;
    const FAST: u8 = 2;
    /// CPUID leaf 7, EBX: enhanced REP MOVSB.
    const ERMS: u32 = 1 << 9;

    /// Relaxed is enough: whoever reads an old value finds out for itself, with the same result.
    static SPEED: AtomicU8 = AtomicU8::new(UNKNOWN);

    pub(super) fn is_fast() -> bool {
        match SPEED.load(Ordering::Relaxed) {
            UNKNOWN => {
                let fast = __cpuid(0).eax >= 7 && __cpuid_count(7, 0).ebx & ERMS != 0;
                SPEED.store(if fast { FAST } else { SLOW }, Ordering::Relaxed);
                fast
            }
            speed => speed == FAST,
        }
    }

    /// # Safety
    /// As for [`super::volatile`].
    pub(super) unsafe fn copy(to: *mut u8, from: *const u8, len: usize) {
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
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    type Routine = unsafe fn(*mut u8, *const u8, usize);

    #[test]
    fn every_routine_copies_every_length_at_every_alignment_and_no_byte_beyond() {
        let routines: &[Routine] = &[
            super::volatile,
            super::words,
            #[cfg(all(target_arch = "x86_64", not(any(miri, visible_copies))))]
            super::string::copy,
        ];
        let from: Vec<u8> = (0..400u32).map(|number| number as u8 | 1).collect();
        for routine in routines {
            for len in (0..70).chain([127, 128, 129, 300]) {
                for shift in 0..9 {
                    let mut to = vec![0; 400];
                    // SAFETY: both vectors are long enough for `shift + len`.
                    unsafe { routine(to.as_mut_ptr().add(shift), from.as_ptr().add(9 - shift), len) };
                    assert_eq!(to[shift..shift + len], from[9 - shift..9 - shift + len]);
                    assert!(to[..shift].iter().chain(&to[shift + len..]).all(|byte| *byte == 0));
                }
            }
        }
    }
}
