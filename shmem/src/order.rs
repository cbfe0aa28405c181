//! The full fence between a store and a load of the window.

#![expect(unsafe_code, reason = "an instruction")]

/// Orders every store before it before every load after it, as `fence(SeqCst)` does.
///
/// On x86-64 it is a locked instruction, as in Linux (`smp_mb`), not `mfence`, which takes an AMD EPYC seven times as
/// long (docs/src/decisions/data-path.md): both wait for earlier stores (Intel SDM volume 3A, section 9.2; AMD's manual, volume 2, section 7.4.2).
#[inline]
pub fn full_fence() {
    #[cfg(all(target_arch = "x86_64", not(any(miri, visible_copies))))]
    // SAFETY: adds nothing to the word below the stack's top, which belongs to this thread; whatever it holds stays. Without
    // options it is opaque to the compiler, and may touch the stack and all memory: no access is moved past it.
    unsafe {
        core::arch::asm!("lock add dword ptr [rsp - 4], 0");
    }
    // Miri and sanitizers do not see what an instruction orders.
    #[cfg(not(all(target_arch = "x86_64", not(any(miri, visible_copies)))))]
    core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
}
