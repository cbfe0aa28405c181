//! The end of a core that broke a rule of its own.

use core::arch::asm;
use core::panic::PanicInfo;

unsafe extern "C" {
    /// Tells the kernel's log. Declared as returning, so that the instruction after it is one that objtool can follow.
    fn sprig_core_panic();
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: the shim defines it, it takes nothing, and it may be called in any context.
    unsafe { sprig_core_panic() };
    // SAFETY: an undefined instruction, at which the kernel ends the thread that came here; nothing is run after it.
    unsafe { asm!("ud2", options(noreturn, nomem, nostack)) }
}
