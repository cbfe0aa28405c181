//! Waiting without burning the core: halted, and woken by the timer of the local APIC.

use x86_64::instructions::interrupts as flags;

use crate::apic::LocalApic;
use crate::interrupts::TIMER_VECTOR;
use crate::tsc;

/// The timer of a local APIC, calibrated against the time-stamp counter.
pub struct Sleeper {
    apic: LocalApic,
    /// Timer ticks in a millisecond; 0 if the timer stands still, and then waiting spins.
    per_ms: u32,
}

impl Sleeper {
    /// Measures the timer for two milliseconds.
    pub fn new(apic: LocalApic) -> Self {
        const MEASURE_US: u64 = 2000;
        apic.arm_timer(TIMER_VECTOR, u32::MAX);
        tsc::wait_us(MEASURE_US);
        let passed = u32::MAX - apic.timer_count();
        apic.stop_timer();
        Self { apic, per_ms: passed / (MEASURE_US / 1000) as u32 }
    }

    /// Sleeps about a millisecond: it may be shorter if something else wakes the core.
    pub fn one_ms(&self) {
        if self.per_ms == 0 {
            tsc::wait_us(1000);
            return;
        }
        self.apic.arm_timer(TIMER_VECTOR, self.per_ms);
        flags::enable_and_hlt();
        flags::disable();
        self.apic.stop_timer();
    }
}
