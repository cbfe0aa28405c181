//! What happens if the Rust part panics, which it has no reason to: the shim tells the kernel.

unsafe extern "C" {
    /// Of the shim: says where the driver is broken. It is declared as returning, since objtool wants a function that
    /// does not return to be in its own list.
    safe fn sprig_core_panic();
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    sprig_core_panic();
    loop {
        // SAFETY: an undefined instruction touches nothing; the kernel's handler ends the thread ("invalid opcode").
        unsafe { core::arch::asm!("ud2", options(nomem, nostack)) };
    }
}
