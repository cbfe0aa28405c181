//! Waiting without burning the core: halted, and woken by the timer of the local APIC.

use x86_64::instructions::{interrupts as flags, nop};

use crate::apic::LocalApic;
use crate::interrupts::{TIMER_VECTOR, taken};
use crate::tsc;

/// The timer of a local APIC, calibrated against the time-stamp counter.
pub struct Sleeper {
    apic: LocalApic,
    /// Timer ticks in a millisecond; 0 if the timer does not count or its interrupt does not arrive, and then waiting
    /// spins.
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
        let per_ms = passed / (MEASURE_US / 1000) as u32;
        Self { apic, per_ms: if interrupts(apic, per_ms) { per_ms } else { 0 } }
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

/// Whether the timer's interrupt arrives. A priority, or an interrupt in service, that the firmware left in the APIC
/// would hold it back, and a core that halts for it would halt for good.
fn interrupts(apic: LocalApic, count: u32) -> bool {
    const LIMIT_US: u64 = 100_000;
    // An interrupt that has been pending since the firmware must not be taken for the timer's.
    flags::enable();
    nop();
    flags::disable();
    let before = taken();
    let limit = tsc::now() + tsc::ticks(LIMIT_US);
    apic.arm_timer(TIMER_VECTOR, count);
    flags::enable();
    while taken() == before && tsc::now() < limit {
        core::hint::spin_loop();
    }
    flags::disable();
    apic.stop_timer();
    taken() != before
}
