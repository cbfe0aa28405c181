//! The time-stamp counter: the one clock that all instances share, calibrated once, here.
//!
//! Sources in the order of trust (Intel SDM volume 3, "Determining the Processor Base Frequency"): CPUID leaf 0x15 where the processor states its
//! crystal's rate; else it is measured against the HPET (IA-PC HPET Specification 1.0a, section 2.3), the ACPI PM timer
//! (ACPI 6.5, section 4.8.3.3), or channel 2 of the PIT. The base frequency of leaf 0x16 comes last: it is a round
//! number, thousandths off on some processors, and no instance has a clock to find that out by.

use core::fmt;
use core::hint;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use partitioner::address::GIB_4;
use partitioner::firmware::tsc::{TscLeaf, tsc_khz};
use raw_cpuid::CpuId;
use x86_64::instructions::port::{Port, PortReadOnly, PortWriteOnly};

use crate::tables::Tables;

/// Rate in ticks per millisecond once it is known, for [`wait_us`].
static KHZ: AtomicU64 = AtomicU64::new(0);

/// How long one measurement lasts.
const MEASURE_US: u64 = 20_000;

/// The source of a rate.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// CPUID leaf 0x15 or 0x16.
    Cpuid,
    /// Measured against the HPET.
    Hpet,
    /// Measured against the ACPI PM timer.
    PmTimer,
    /// Measured against the PIT.
    Pit,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpuid => "CPUID",
            Self::Hpet => "the HPET",
            Self::PmTimer => "the ACPI PM timer",
            Self::Pit => "the PIT",
        })
    }
}

/// The counter, now.
pub fn now() -> u64 {
    // SAFETY: RDTSC has no precondition in ring 0.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Finds the rate, in kHz.
pub fn calibrate(tables: &Tables) -> Option<(u64, Source)> {
    let found = from_crystal()
        .map(|khz| (khz, Source::Cpuid))
        .or_else(|| Some((measure(&Hpet::find(tables)?)?, Source::Hpet)))
        .or_else(|| Some((measure(&PmTimer::find(tables)?)?, Source::PmTimer)))
        .or_else(|| Some((measure_with_pit()?, Source::Pit)))
        .or_else(|| Some((from_base_frequency()?, Source::Cpuid)))?;
    KHZ.store(found.0, Ordering::Relaxed);
    Some(found)
}

/// Whether the counter runs at one rate always. A software emulator derives it from its host's clock and says so only
/// by its name.
pub fn is_invariant() -> bool {
    let cpuid = CpuId::new();
    cpuid.get_advanced_power_mgmt_info().is_some_and(|info| info.has_invariant_tsc())
        || hypervisor_signature() == Some(*b"TCGTCGTCGTCG")
}

fn hypervisor_signature() -> Option<[u8; 12]> {
    let hypervisor = CpuId::new().get_feature_info()?.has_hypervisor();
    if !hypervisor {
        return None;
    }
    let leaf = core::arch::x86_64::__cpuid(0x4000_0000);
    let mut signature = [0; 12];
    for (bytes, register) in signature.chunks_exact_mut(4).zip([leaf.ebx, leaf.ecx, leaf.edx]) {
        bytes.copy_from_slice(&register.to_le_bytes());
    }
    Some(signature)
}

/// Waits that long, by the calibrated counter.
pub fn wait_us(us: u64) {
    let until = now() + us * KHZ.load(Ordering::Relaxed) / 1000;
    while now() < until {
        hint::spin_loop();
    }
}

/// Ticks of that many microseconds.
pub fn ticks(us: u64) -> u64 {
    us * KHZ.load(Ordering::Relaxed) / 1000
}

/// Microseconds of that many ticks; 0 before the calibration.
pub fn micros(ticks: u64) -> u64 {
    match KHZ.load(Ordering::Relaxed) {
        0 => 0,
        khz => ticks * 1000 / khz,
    }
}

fn from_crystal() -> Option<u64> {
    tsc_khz(tsc_leaf()?, 0)
}

fn from_base_frequency() -> Option<u64> {
    let info = CpuId::new().get_processor_frequency_info()?;
    tsc_khz(tsc_leaf()?, u32::from(info.processor_base_frequency()))
}

fn tsc_leaf() -> Option<TscLeaf> {
    let leaf = CpuId::new().get_tsc_info()?;
    Some(TscLeaf { denominator: leaf.denominator(), numerator: leaf.numerator(), crystal_hz: leaf.nominal_frequency() })
}

/// A counter of known rate.
trait Reference {
    fn read(&self) -> u64;
    fn hz(&self) -> u64;
    /// The bits that it counts in.
    fn mask(&self) -> u64;
}

/// Measures the counter against a reference: the rate in kHz, or `None` if the reference does not count.
fn measure(reference: &impl Reference) -> Option<u64> {
    let wanted = reference.hz() * MEASURE_US / 1_000_000;
    let (start_tsc, start) = read_close(reference);
    let (mut idle_reads, mut before) = (0, 0);
    loop {
        let passed = reference.read().wrapping_sub(start) & reference.mask();
        if passed >= wanted {
            break;
        }
        idle_reads = if passed == before { idle_reads + 1 } else { 0 };
        before = passed;
        if idle_reads > 1_000_000 {
            return None;
        }
        hint::spin_loop();
    }
    let (end_tsc, end) = read_close(reference);
    let passed = end.wrapping_sub(start) & reference.mask();
    let ticks = u128::from(end_tsc - start_tsc);
    u64::try_from(ticks * u128::from(reference.hz()) / (u128::from(passed) * 1000)).ok()
}

/// Reads both counters as close together as can be: of a few tries the one whose two TSC reads enclose the reference
/// most tightly.
fn read_close(reference: &impl Reference) -> (u64, u64) {
    (0..8)
        .map(|_| {
            let before = now();
            let value = reference.read();
            let after = now();
            (after - before, before + (after - before) / 2, value)
        })
        .min_by_key(|(width, ..)| *width)
        .map_or((0, 0), |(_, tsc, value)| (tsc, value))
}

/// The HPET's description table, signature `HPET` (IA-PC HPET Specification 1.0a, section 3.2.4).
mod hpet_table {
    use core::ops::Range;

    /// The address space of the base address: the first byte of a Generic Address Structure (ACPI 6.5, section
    /// 5.2.3.2).
    pub(super) const ADDRESS_SPACE: usize = 40;
    /// The value of that byte for memory.
    pub(super) const SYSTEM_MEMORY: u8 = 0;
    /// The base address.
    pub(super) const BASE_ADDRESS: Range<usize> = 44..52;
}

/// The HPET's registers (IA-PC HPET Specification 1.0a, section 2.3).
mod hpet_register {
    /// `GCAP_ID`: the upper half is the period of the main counter, in femtoseconds.
    pub(super) const CAPABILITIES: u64 = 0x00;
    /// The longest period that the specification allows.
    pub(super) const MAX_PERIOD_FS: u64 = 100_000_000;
    /// `GEN_CONF`.
    pub(super) const CONFIGURATION: u64 = 0x10;
    /// `ENABLE_CNF` in it: the main counter runs.
    pub(super) const ENABLE: u64 = 1 << 0;
    /// `MAIN_CNT`.
    pub(super) const MAIN_COUNTER: u64 = 0xf0;
}

struct Hpet {
    base: u64,
    femtoseconds: u64,
}

impl Hpet {
    fn find(tables: &Tables) -> Option<Self> {
        let table = tables.hpet()?;
        let in_memory = *table.get(hpet_table::ADDRESS_SPACE)? == hpet_table::SYSTEM_MEMORY;
        let base = u64::from_le_bytes(table.get(hpet_table::BASE_ADDRESS)?.try_into().ok()?);
        // Above 4 GiB only memory is mapped, not registers.
        if !in_memory || base == 0 || base >= GIB_4 {
            return None;
        }
        let hpet = Self { base, femtoseconds: 0 };
        let femtoseconds = hpet.register(hpet_register::CAPABILITIES) >> 32;
        if femtoseconds == 0 || femtoseconds > hpet_register::MAX_PERIOD_FS {
            return None;
        }
        // SAFETY: the firmware's table names this as the HPET's registers, and all memory is identity-mapped; setting
        // ENABLE_CNF starts the main counter and nothing else.
        unsafe {
            let configuration = (base + hpet_register::CONFIGURATION) as *mut u64;
            configuration.write_volatile(configuration.read_volatile() | hpet_register::ENABLE);
        }
        Some(Self { base, femtoseconds })
    }

    fn register(&self, offset: u64) -> u64 {
        // SAFETY: as in `find`; reading its registers has no side effect.
        unsafe { ((self.base + offset) as *const u64).read_volatile() }
    }
}

impl Reference for Hpet {
    fn read(&self) -> u64 {
        self.register(hpet_register::MAIN_COUNTER)
    }

    fn hz(&self) -> u64 {
        1_000_000_000_000_000 / self.femtoseconds
    }

    fn mask(&self) -> u64 {
        0xffff_ffff
    }
}

/// `PM_TMR_BLK` in the FADT: the I/O port of the PM timer (ACPI 6.5, section 5.2.9, table 5.9).
const FADT_PM_TIMER_BLOCK: Range<usize> = 76..80;

struct PmTimer {
    port: u16,
}

impl PmTimer {
    fn find(tables: &Tables) -> Option<Self> {
        let fadt = tables.fadt()?;
        let port = u32::from_le_bytes(fadt.get(FADT_PM_TIMER_BLOCK)?.try_into().ok()?);
        u16::try_from(port).ok().filter(|port| *port != 0).map(|port| Self { port })
    }
}

impl Reference for PmTimer {
    fn read(&self) -> u64 {
        // SAFETY: the FADT names this port as the PM timer; reading it has no side effect.
        u64::from(unsafe { PortReadOnly::<u32>::new(self.port).read() })
    }

    fn hz(&self) -> u64 {
        3_579_545
    }

    fn mask(&self) -> u64 {
        0xff_ffff
    }
}

/// Channel 2 of the PIT, gated by port 0x61, counting down once from its top; its output is bit 5 of that port.
fn measure_with_pit() -> Option<u64> {
    const PIT_HZ: u64 = 1_193_182;
    /// Control word: channel 2, low byte then high byte, mode 0 (interrupt on terminal count), binary (Intel 8254).
    const CHANNEL_2_ONE_SHOT: u8 = 0b1011_0000;
    // Bits of port 0x61.
    const PIT_GATE: u8 = 1 << 0;
    const PIT_SPEAKER: u8 = 1 << 1;
    const PIT_OUTPUT: u8 = 1 << 5;
    let count = u16::try_from(PIT_HZ * MEASURE_US / 1_000_000).ok()?;
    let mut gate = Port::<u8>::new(0x61);
    let mut command = PortWriteOnly::<u8>::new(0x43);
    let mut channel_2 = PortWriteOnly::<u8>::new(0x42);
    let [low, high] = count.to_le_bytes();
    // SAFETY: the timer's ports belong to this processor until it starts a kernel; the speaker stays off. The gate is
    // open before the count is complete, so counting starts with the last byte.
    let (start, counting) = unsafe {
        let speaker_off = gate.read() & !(PIT_GATE | PIT_SPEAKER);
        gate.write(speaker_off | PIT_GATE);
        command.write(CHANNEL_2_ONE_SHOT);
        channel_2.write(low);
        channel_2.write(high);
        (now(), gate.read() & PIT_OUTPUT == 0)
    };
    // Where nothing answers at these ports, the output reads as high from the first.
    if !counting {
        return None;
    }
    for _ in 0..10_000_000_u32 {
        // SAFETY: as above.
        if unsafe { gate.read() } & PIT_OUTPUT != 0 {
            return Some((now() - start) * 1000 / MEASURE_US);
        }
    }
    None
}
