//! Brings a core to the state in which the start of the box finds it, whatever a kernel has made of it.
//!
//! INIT resets most of a core, but not what Intel SDM volume 3, table 10-1, leaves: memory types, counters, traces, the
//! time-stamp counter's adjustment. A core that comes without an INIT has its interrupt controller as the kernel left it,
//! too.

use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering};

use control::MAX_CORES;
use raw_cpuid::CpuId;
use spin::Once;
use x86_64::instructions::{interrupts, nop};
use x86_64::registers::model_specific::Msr;

use crate::apic::LocalApic;
use crate::mtrr::Mtrrs;

const TSC_ADJUST: Msr = Msr::new(0x3b);
const DEBUG_CONTROL: u32 = 0x1d9;
const PAT: u32 = 0x277;
/// As after power-on (SDM volume 3, section 12.12.4).
const PAT_DEFAULT: u64 = 0x0007_0406_0007_0406;
const PERFORMANCE_GLOBAL_CONTROL: u32 = 0x38f;
const TRACE_CONTROL: u32 = 0x570;
/// Of DR7: the bit that is always one.
const NO_BREAKPOINTS: u64 = 0x400;

/// The boot processor's memory type range registers, for all.
static MTRRS: Once<Option<Mtrrs>> = Once::new();

/// The time-stamp counter's adjustment of each core at the start of the box, and 1; 0: not read yet.
static ADJUSTMENTS: [AtomicU64; MAX_CORES] = [const { AtomicU64::new(0) }; MAX_CORES];

/// Reads what the others are to be like. On the boot processor, before it wakes them.
pub fn remember_boot_processor(apic_id: u32) {
    MTRRS.call_once(Mtrrs::read);
    adjust_tsc(apic_id);
}

/// Whether the firmware has switched MTRRs on.
pub fn mtrrs_enabled() -> bool {
    MTRRS.get().is_some_and(|mtrrs| mtrrs.as_ref().is_some_and(Mtrrs::enabled))
}

/// Brings this core to its first state.
pub fn this_core(apic_id: u32) {
    unblock_nmis();
    LocalApic::here().quiet();
    drain_interrupts();
    if let Some(Some(mtrrs)) = MTRRS.get() {
        mtrrs.apply();
    }
    adjust_tsc(apic_id);
    let cpuid = CpuId::new();
    let features = cpuid.get_feature_info();
    // SAFETY: CPUID says which of these there are; the values are those of a reset.
    unsafe {
        if features.as_ref().is_some_and(|features| features.has_pat()) {
            Msr::new(PAT).write(PAT_DEFAULT);
        }
        if cpuid.get_performance_monitoring_info().is_some_and(|monitoring| monitoring.version_id() >= 2) {
            Msr::new(PERFORMANCE_GLOBAL_CONTROL).write(0);
        }
        if cpuid.get_extended_feature_info().is_some_and(|features| features.has_processor_trace()) {
            Msr::new(TRACE_CONTROL).write(0);
        }
        Msr::new(DEBUG_CONTROL).write(0);
        asm!("mov dr7, {}", in(reg) NO_BREAKPOINTS, options(nomem, nostack, preserves_flags));
    }
}

/// Takes what the interrupt controller still has for this core, or the next kernel would be surprised by it. Once more
/// before a kernel is entered: until its load list has taken the last one's doorbell away, peers may have rung it.
pub fn drain_interrupts() {
    LocalApic::here().switch_on();
    interrupts::enable();
    nop();
    interrupts::disable();
}

/// A kernel may have moved its core's time; the next one is told the rate only, and takes the zero for the others'.
fn adjust_tsc(apic_id: u32) {
    if !CpuId::new().get_extended_feature_info().is_some_and(|features| features.has_tsc_adjust_msr()) {
        return;
    }
    let first = &ADJUSTMENTS[apic_id as usize % MAX_CORES];
    let mut msr = TSC_ADJUST;
    // SAFETY: CPUID says that there is one.
    unsafe {
        match first.load(Ordering::Relaxed) {
            0 => first.store(msr.read().wrapping_add(1), Ordering::Relaxed),
            adjustment => msr.write(adjustment.wrapping_sub(1)),
        }
    }
}

/// A core that has come out of an NMI's handler takes no other until it has returned from one (SDM volume 3, section 7.7.1).
fn unblock_nmis() {
    // SAFETY: returns to the next instruction, on the same stack, with the same flags.
    unsafe {
        asm!(
            "mov {stack}, rsp",
            "mov {segment:e}, ss",
            "push {segment}",
            "push {stack}",
            "pushfq",
            "mov {segment:e}, cs",
            "push {segment}",
            "lea {stack}, [rip + 2f]",
            "push {stack}",
            "iretq",
            "2:",
            stack = out(reg) _,
            segment = out(reg) _,
        );
    }
}
