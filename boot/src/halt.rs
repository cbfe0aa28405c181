//! The ways in which a processor stops: parked, or halted with a last line on the serial port.

use core::fmt;
use core::panic::PanicInfo;

use raw_cpuid::CpuId;
use x86_64::registers::control::{Cr4, Cr4Flags};

use crate::{interrupts, log};

/// Halts this processor until another one resets it.
pub fn park() -> ! {
    loop {
        sleep();
    }
}

/// Halts this processor until something that cannot be masked has come.
///
/// On many machines a machine check goes to all processors, and one that has not switched the exception on shuts the
/// whole machine down (Intel SDM volume 3B, section 17.10.4). So it is switched on, and the instance whose business it
/// is may go on. The log's port may belong to a partition by now: nothing is written to it from here on.
pub fn sleep() {
    let is_quiet = interrupts::load_quiet();
    if is_quiet && CpuId::new().get_feature_info().is_some_and(|features| features.has_mce()) {
        // SAFETY: the table that was just loaded has a handler.
        unsafe { Cr4::update(|flags| flags.insert(Cr4Flags::MACHINE_CHECK_EXCEPTION)) };
    }
    x86_64::instructions::interrupts::disable();
    x86_64::instructions::hlt();
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
