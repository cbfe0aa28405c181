//! The ways in which a processor stops: parked, or halted with a last line on the serial port.

use core::fmt;
use core::panic::PanicInfo;

use crate::log;

/// Halts this processor until another one resets it.
pub fn park() -> ! {
    loop {
        x86_64::instructions::interrupts::disable();
        x86_64::instructions::hlt();
    }
}

/// Logs a failure that has no diagnostic, and halts.
pub fn fail(step: &str, message: fmt::Arguments<'_>) -> ! {
    log::line(format_args!("FAILED {step}: {message}"));
    log::line(format_args!("halted: this processor goes no further"));
    park()
}

#[panic_handler]
fn on_panic(info: &PanicInfo<'_>) -> ! {
    // SAFETY: this processor never goes on with what it did.
    unsafe { log::seize() };
    fail(log::current_step(), format_args!("error[internal]: {info}"))
}
