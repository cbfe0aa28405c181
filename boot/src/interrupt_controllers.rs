//! Legacy interrupt controllers, which are masked: no instance owns them, so they must not interrupt one.

use partitioner::firmware::IoApic;
use x86_64::instructions::port::PortWriteOnly;

// The mask registers of the two 8259s.
const PIC_1_DATA: u16 = 0x21;
const PIC_2_DATA: u16 = 0xa1;

// Registers of an I/O APIC (Intel 82093AA data sheet, section 3).
const IOAPIC_SELECT: u64 = 0x00;
const IOAPIC_WINDOW: u64 = 0x10;
const IOAPIC_VERSION: u32 = 0x01;
const IOAPIC_FIRST_ENTRY: u32 = 0x10;
const MASKED: u32 = 1 << 16;

/// Masks every line of both 8259 PICs.
pub fn mask_pics() {
    // SAFETY: the mask registers of the PICs; on a machine without them nobody answers at these ports.
    unsafe {
        PortWriteOnly::<u8>::new(PIC_1_DATA).write(0xff);
        PortWriteOnly::<u8>::new(PIC_2_DATA).write(0xff);
    }
}

/// Masks every redirection entry of an I/O APIC, and says how many it has.
pub fn mask_io_apic(io_apic: &IoApic) -> u32 {
    let entries = (read(io_apic.address, IOAPIC_VERSION) >> 16 & 0xff) + 1;
    for entry in 0..entries {
        write(io_apic.address, IOAPIC_FIRST_ENTRY + 2 * entry, MASKED);
        write(io_apic.address, IOAPIC_FIRST_ENTRY + 2 * entry + 1, 0);
    }
    entries
}

/// Physical memory is identity-mapped.
fn address(base: u32, offset: u64) -> u64 {
    u64::from(base) + offset
}

fn read(base: u32, register: u32) -> u32 {
    // SAFETY: the MADT names this page as an I/O APIC; selecting a register and reading it has no side effect.
    unsafe {
        (address(base, IOAPIC_SELECT) as *mut u32).write_volatile(register);
        (address(base, IOAPIC_WINDOW) as *const u32).read_volatile()
    }
}

fn write(base: u32, register: u32, value: u32) {
    // SAFETY: as for reading; a masked entry sends nothing.
    unsafe {
        (address(base, IOAPIC_SELECT) as *mut u32).write_volatile(register);
        (address(base, IOAPIC_WINDOW) as *mut u32).write_volatile(value);
    }
}
