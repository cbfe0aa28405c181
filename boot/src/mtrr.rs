//! Memory type range registers: the same on every core, or Linux gives up PAT ("MTRRs disabled").
//!
//! Intel SDM volume 3, section 12.11; changing them follows its section 12.11.8. INIT keeps them, so it is enough that
//! each core has taken them over once.

use alloc::vec::Vec;

use raw_cpuid::CpuId;
use x86_64::instructions::interrupts;
use x86_64::registers::control::{Cr0, Cr0Flags, Cr3};
use x86_64::registers::model_specific::Msr;

const CAPABILITIES: u32 = 0xfe;
const DEFAULT_TYPE: u32 = 0x2ff;
const ENABLED: u64 = 1 << 11;
const FIXED: [u32; 11] = [0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f];
const FIRST_VARIABLE: u32 = 0x200;

/// The registers of one core, to be laid upon the others.
pub struct Mtrrs {
    default_type: u64,
    others: Vec<(u32, u64)>,
}

impl Mtrrs {
    /// Those of this core, which the firmware has set. `None` if the processor has none.
    pub fn read() -> Option<Self> {
        if !CpuId::new().get_feature_info()?.has_mtrr() {
            return None;
        }
        // SAFETY: CPUID says that the processor has MTRRs.
        let capabilities = unsafe { Msr::new(CAPABILITIES).read() };
        let variable = (capabilities & 0xff) as u32;
        let fixed: &[u32] = if capabilities & 1 << 8 != 0 { &FIXED } else { &[] };
        let registers = fixed.iter().copied().chain(FIRST_VARIABLE..FIRST_VARIABLE + 2 * variable);
        // SAFETY: these exist by the capabilities just read.
        let others = registers.map(|msr| (msr, unsafe { Msr::new(msr).read() })).collect();
        // SAFETY: as above.
        let default_type = unsafe { Msr::new(DEFAULT_TYPE).read() };
        Some(Self { default_type, others })
    }

    /// Whether the firmware has switched them on.
    pub fn enabled(&self) -> bool {
        self.default_type & ENABLED != 0
    }

    /// Makes this core's the same.
    pub fn apply(&self) {
        interrupts::without_interrupts(|| {
            let cr0 = Cr0::read();
            // SAFETY: the values are those that the firmware gave to the boot processor, for the same physical memory;
            // caches are off and flushed while they change, as the manual demands, and so is the TLB.
            unsafe {
                Cr0::write(cr0 | Cr0Flags::CACHE_DISABLE);
                core::arch::asm!("wbinvd", options(nostack));
                let (frame, flags) = Cr3::read();
                Cr3::write(frame, flags);
                Msr::new(DEFAULT_TYPE).write(self.default_type & !ENABLED);
                for (msr, value) in &self.others {
                    Msr::new(*msr).write(*value);
                }
                Msr::new(DEFAULT_TYPE).write(self.default_type);
                core::arch::asm!("wbinvd", options(nostack));
                Cr3::write(frame, flags);
                Cr0::write(cr0);
            }
        });
    }
}
