//! Why the machine could not be started: logged on the serial port, and then this processor halts.

use alloc::vec::Vec;
use core::fmt;

use partitioner::diagnostic::Diagnostic;

use crate::paging::OutOfReach;
use crate::{halt, log};

/// A step that failed, with everything that is wrong.
pub struct BootError {
    /// The step.
    pub step: &'static str,
    /// What is wrong, at least one thing.
    pub diagnostics: Vec<Diagnostic>,
    /// Instances that run already.
    pub running: usize,
}

impl BootError {
    /// One reason in which the box file has no part.
    pub fn new(step: &'static str, code: &'static str, message: fmt::Arguments<'_>, help: &str) -> Self {
        Self::of(step, alloc::vec![Diagnostic::new(code, alloc::format!("{message}"), Vec::new(), help)])
    }

    /// These reasons, before anything was started.
    pub fn of(step: &'static str, diagnostics: Vec<Diagnostic>) -> Self {
        Self { step, diagnostics, running: 0 }
    }

    /// Logs it, with the lines of the box file `text`, and halts this processor.
    pub fn report(&self, text: &str) -> ! {
        for diagnostic in &self.diagnostics {
            let plain = alloc::format!("{}", diagnostic.plain("box.toml", text));
            for (number, line) in plain.lines().enumerate() {
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
        halt::park()
    }
}

impl From<OutOfReach> for BootError {
    fn from(error: OutOfReach) -> Self {
        let help = "take memory out of the machine: this processor is not made for so much";
        Self::new(log::current_step(), "memory-out-of-reach", format_args!("{error}"), help)
    }
}
