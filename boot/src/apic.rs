//! The local APIC of the processor that runs this: enough to start other processors and to sleep a while.
//!
//! Intel SDM volume 3, chapter 11. The firmware chooses between xAPIC (registers in memory) and x2APIC (MSRs); we keep
//! its choice, since the kernels find it so.

use core::arch::asm;
use core::fmt;

use partitioner::inventory::ApicId;
use x86_64::registers::model_specific::Msr;

use crate::interrupts::SPURIOUS_VECTOR;
use crate::tsc;

const APIC_BASE: Msr = Msr::new(0x1b);
const X2APIC_ENABLED: u64 = 1 << 10;
const BASE_MASK: u64 = 0x000f_ffff_ffff_f000;

const ID: u32 = 0x20;
const VERSION: u32 = 0x30;
const TASK_PRIORITY: u32 = 0x80;
const EOI: u32 = 0xb0;
const SPURIOUS: u32 = 0xf0;
/// The first of eight words with a bit for each vector.
const IN_SERVICE: u32 = 0x100;
const VECTORS: u32 = 256;
const ICR_LOW: u32 = 0x300;
const ICR_HIGH: u32 = 0x310;
const LVT_TIMER: u32 = 0x320;
/// The line by which chipsets, and the host of an emulated machine, send NMIs.
const LVT_LINT1: u32 = 0x360;
/// The local sources: each is there if the version register names at least that number (SDM volume 3, figure 11-7).
const LOCAL_SOURCES: [(u32, u32); 7] =
    [(0, LVT_TIMER), (1, 0x350), (2, LVT_LINT1), (3, 0x370), (4, 0x340), (5, 0x330), (6, 0x2f0)];
const INITIAL_COUNT: u32 = 0x380;
const CURRENT_COUNT: u32 = 0x390;
const DIVIDE: u32 = 0x3e0;

/// x2APIC registers are MSRs from here on, one for each 16 bytes of the xAPIC's page (SDM volume 3, section 11.12.1.2).
const X2APIC_MSRS: u32 = 0x800;

const DELIVERY_PENDING: u32 = 1 << 12;
/// How long an interrupt to another processor may be on its way; it takes microseconds.
const DELIVERY_US: u64 = 100_000;
const MASKED: u32 = 1 << 16;
const SOFTWARE_ENABLE: u32 = 1 << 8;

/// Of a local source: it is an NMI.
const NMI: u32 = 0x0000_0400;
/// An NMI to another processor, asserted.
const SEND_NMI: u32 = 0x0000_4400;
/// INIT, level-triggered and asserted.
const INIT: u32 = 0x0000_c500;
/// Start-up; the low byte is the page number.
const STARTUP: u32 = 0x0000_4600;

/// The local APIC of the processor that uses it.
#[derive(Clone, Copy, Debug)]
pub enum LocalApic {
    /// Registers in memory, at this address.
    XApic(u64),
    /// Registers as MSRs.
    X2Apic,
}

impl fmt::Display for LocalApic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::XApic(base) => write!(f, "xAPIC at {base:#x}"),
            Self::X2Apic => f.write_str("x2APIC"),
        }
    }
}

/// A processor whose address does not fit the mode the firmware left.
#[derive(Debug)]
pub struct Unreachable;

impl LocalApic {
    /// In the mode that the firmware left it in.
    pub fn here() -> Self {
        // SAFETY: every x86-64 processor has IA32_APIC_BASE.
        let base = unsafe { APIC_BASE.read() };
        if base & X2APIC_ENABLED != 0 { Self::X2Apic } else { Self::XApic(base & BASE_MASK) }
    }

    /// This processor's own identifier.
    pub fn id(self) -> ApicId {
        match self {
            Self::XApic(_) => ApicId(self.read(ID) >> 24),
            Self::X2Apic => ApicId(self.read(ID)),
        }
    }

    /// Resets a processor, which then waits for [`LocalApic::send_startup`].
    pub fn send_init(self, to: ApicId) -> Result<(), Unreachable> {
        self.send(to, INIT)
    }

    /// Makes a processor that was reset begin at a page below 1 MiB.
    pub fn send_startup(self, to: ApicId, page: u64) -> Result<(), Unreachable> {
        debug_assert!(page < 0x10_0000 && page.is_multiple_of(0x1000));
        self.send(to, STARTUP | ((page >> 12) as u32))
    }

    /// Sends a processor an NMI.
    pub fn send_nmi(self, to: ApicId) -> Result<(), Unreachable> {
        self.send(to, SEND_NMI)
    }

    /// Takes NMIs by the line of the chipset. An APIC that is switched off keeps the line masked.
    pub fn open_nmi_line(self) {
        self.write(LVT_LINT1, NMI);
    }

    /// Takes no more of them.
    pub fn close_nmi_line(self) {
        self.write(LVT_LINT1, MASKED);
    }

    /// Delivers what is pending: an APIC that INIT or a kernel has switched off holds it back.
    pub fn switch_on(self) {
        self.write(SPURIOUS, SOFTWARE_ENABLE | u32::from(SPURIOUS_VECTOR));
    }

    /// Makes the timer interrupt once, on `vector`, after `count` ticks of its own.
    pub fn arm_timer(self, vector: u8, count: u32) {
        self.switch_on();
        self.write(DIVIDE, 0b1011);
        self.write(LVT_TIMER, u32::from(vector));
        self.write(INITIAL_COUNT, count);
    }

    /// Stops the timer. The APIC itself stays switched on, as the kernel that this processor enters finds it anyway.
    pub fn stop_timer(self) {
        self.write(LVT_TIMER, MASKED);
        self.write(INITIAL_COUNT, 0);
    }

    /// What the timer still has to count.
    pub fn timer_count(self) -> u32 {
        self.read(CURRENT_COUNT)
    }

    /// The interrupt in service is done.
    pub fn end_of_interrupt(self) {
        self.write(EOI, 0);
    }

    /// Takes every source of interrupts away, and ends those in service, as after a reset.
    pub fn quiet(self) {
        let most = self.read(VERSION) >> 16 & 0xff;
        for (number, register) in LOCAL_SOURCES {
            if number <= most {
                self.write(register, MASKED);
            }
        }
        self.write(INITIAL_COUNT, 0);
        self.write(TASK_PRIORITY, 0);
        // Each ends one, the highest.
        for _ in 0..VECTORS {
            if (0..VECTORS / 32).all(|word| self.read(IN_SERVICE + 0x10 * word) == 0) {
                break;
            }
            self.end_of_interrupt();
        }
    }

    fn send(self, to: ApicId, command: u32) -> Result<(), Unreachable> {
        // What the other processor will read must be written before it is woken: a memory-mapped ICR is ordered
        // after earlier stores, the MSR only behind these two (SDM volume 3, section 11.12.3). The compiler's own
        // fence would be a locked instruction, which does not order it.
        // SAFETY: fences touch nothing.
        unsafe { asm!("mfence", "lfence", options(nostack, preserves_flags)) };
        match self {
            Self::XApic(_) => {
                let destination = u8::try_from(to.0).map_err(|_| Unreachable)?;
                self.write(ICR_HIGH, u32::from(destination) << 24);
                self.write(ICR_LOW, command);
                // If it is never delivered, the core does not answer, and the caller reports that.
                let limit = tsc::now() + tsc::ticks(DELIVERY_US);
                while self.read(ICR_LOW) & DELIVERY_PENDING != 0 && tsc::now() < limit {
                    core::hint::spin_loop();
                }
            }
            Self::X2Apic => {
                // SAFETY: in x2APIC mode MSR 0x830 is the ICR; INIT and start-up go to processors that only the
                // resident part has, since no kernel that owns one is running when they are sent.
                unsafe { Msr::new(X2APIC_MSRS + ICR_LOW / 16).write(u64::from(to.0) << 32 | u64::from(command)) }
            }
        }
        Ok(())
    }

    fn read(self, register: u32) -> u32 {
        match self {
            // SAFETY: the page at the base address holds this processor's APIC registers, 16 bytes apart.
            Self::XApic(base) => unsafe { ((base + u64::from(register)) as *const u32).read_volatile() },
            // SAFETY: in x2APIC mode each of these registers is an MSR.
            Self::X2Apic => unsafe { Msr::new(X2APIC_MSRS + register / 16).read() as u32 },
        }
    }

    fn write(self, register: u32, value: u32) {
        match self {
            // SAFETY: as for reading.
            Self::XApic(base) => unsafe { ((base + u64::from(register)) as *mut u32).write_volatile(value) },
            // SAFETY: as for reading.
            Self::X2Apic => unsafe { Msr::new(X2APIC_MSRS + register / 16).write(u64::from(value)) },
        }
    }
}
