//! The end of a start that cannot be: said on the serial port, then silence.

use alloc::vec::Vec;
use core::fmt;
use core::panic::PanicInfo;

use partitioner::diagnostic::Diagnostic;

use crate::{cores, log};

/// A step that failed, with everything that is wrong.
pub struct Failure {
    /// The step.
    pub step: &'static str,
    /// What is wrong, never nothing.
    pub diagnostics: Vec<Diagnostic>,
    /// Instances that run already.
    pub running: usize,
}

impl Failure {
    /// With one reason that the box file has no part in.
    pub fn new(step: &'static str, code: &'static str, message: fmt::Arguments<'_>, help: &str) -> Self {
        let diagnostic =
            Diagnostic { code, message: alloc::format!("{message}"), places: Vec::new(), help: help.into() };
        Self::of(step, alloc::vec![diagnostic])
    }

    /// With these reasons, before anything was started.
    pub fn of(step: &'static str, diagnostics: Vec<Diagnostic>) -> Self {
        Self { step, diagnostics, running: 0 }
    }

    /// Tells it, with the lines of the box file `text`, and halts this processor.
    pub fn tell(&self, text: &str) -> ! {
        for diagnostic in &self.diagnostics {
            let told = alloc::format!("{}", diagnostic.plain("box.toml", text));
            for (number, line) in told.lines().enumerate() {
                match number {
                    0 => log::line(format_args!("FAILED {}: {line}", self.step)),
                    _ => log::line(format_args!("  {line}")),
                }
            }
        }
        match self.running {
            0 => log::line(format_args!("halted: nothing was started")),
            running => log::line(format_args!("halted: {running} instance(s) started before this run on")),
        }
        cores::park()
    }
}

/// Tells a failure that has no diagnostic, and halts.
pub fn halt(step: &str, message: fmt::Arguments<'_>) -> ! {
    log::line(format_args!("FAILED {step}: {message}"));
    log::line(format_args!("halted: this processor goes no further"));
    cores::park()
}

#[panic_handler]
fn on_panic(info: &PanicInfo<'_>) -> ! {
    // SAFETY: this processor never goes on with what it did.
    unsafe { log::seize() };
    halt(log::current_step(), format_args!("error[internal]: {info}"))
}
