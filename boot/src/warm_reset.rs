//! How the boot processor is reset and comes to the resident part, and not to the firmware's first instruction alone.
//!
//! An INIT has it begin at the reset vector. A BIOS looks there for a word that the IBM PC AT has given this meaning: if byte
//! 0x0f of the clock's memory is 0x0a, it goes to the address at 0040:0067 at once. Whoever resets the core sets both (the
//! driver, `guest-driver/fetch.c`); that byte must not outlive it, or the next reset of the machine would come here too.

use control::ControlPage;
use x86_64::instructions::port::PortWriteOnly;

use crate::handoff::HandOff;

const CLOCK_INDEX: u16 = 0x70;
const CLOCK_DATA: u16 = 0x71;
/// The byte of the clock's memory by which a BIOS knows why there was a reset.
const SHUTDOWN_STATUS: u8 = 0x0f;
const POWER_ON: u8 = 0;

/// Where a BIOS has the first instruction after a reset, below 1 MiB, and that it is a far jump.
const RESET_VECTOR: u64 = 0xf_fff0;
const FAR_JUMP: u8 = 0xea;

/// Whether the firmware is a BIOS.
pub fn is_there(hand_off: &HandOff) -> bool {
    // SAFETY: the first 4 GiB are mapped, and the firmware's code can be read.
    let first = unsafe { (RESET_VECTOR as *const u8).read_volatile() };
    !hand_off.is_uefi && first == FAR_JUMP
}

/// On a core that has come: the next reset of the boot processor is one as ever.
pub fn forget(page: &ControlPage, apic_id: u32) {
    if apic_id != page.boot_processor() || !page.has_warm_reset() {
        return;
    }
    // SAFETY: the byte has no other meaning than this, and 0 is that of a start by power.
    unsafe {
        PortWriteOnly::new(CLOCK_INDEX).write(SHUTDOWN_STATUS);
        PortWriteOnly::new(CLOCK_DATA).write(POWER_ON);
    }
}
