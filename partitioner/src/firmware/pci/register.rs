//! Registers of configuration space, and the bits in them (PCI Local Bus Specification 3.0, section 6.1; PCI-to-PCI Bridge
//! Architecture Specification 1.2, section 3.2).

/// Identification: vendor in the low half, device in the high one.
pub const ID: u16 = 0x00;
/// [`Command`] in the low half, status in the high one.
pub const COMMAND: u16 = 0x04;
/// Status: there is a list of capabilities. Counted from the register's low half.
pub const HAS_CAPABILITIES: u32 = 1 << (16 + 4);
/// Class in the upper three bytes.
pub const CLASS: u16 = 0x08;
/// Header type in the third byte.
pub const HEADER: u16 = 0x0c;
/// The device has more functions than one.
pub const MULTI_FUNCTION: u32 = 1 << (16 + 7);
/// The first base address register.
pub const BARS: u16 = 0x10;
/// A base address register decodes I/O ports, not memory.
pub const BAR_IO: u32 = 1;
/// Bits of a base address register for I/O ports that are not part of the address.
pub const BAR_IO_FLAGS: u32 = 0b11;
/// Where the list of capabilities begins.
pub(super) const CAPABILITIES: u16 = 0x34;

/// Of a bridge: primary, secondary and subordinate bus.
pub const BUSES: u16 = 0x18;
/// Of a bridge: base and limit of the I/O window in the low half.
pub(super) const IO_WINDOW: u16 = 0x1c;
/// Of a bridge: base and limit of the memory window.
pub(super) const MEMORY_WINDOW: u16 = 0x20;
/// Of a bridge: base and limit of the prefetchable window, and the upper halves of both.
pub(super) const PREFETCHABLE_WINDOW: u16 = 0x24;
pub(super) const PREFETCHABLE_BASE_UPPER: u16 = 0x28;
pub(super) const PREFETCHABLE_LIMIT_UPPER: u16 = 0x2c;
/// Of a bridge: what it does on the bus behind it, 16 bits.
pub const BRIDGE_CONTROL: u16 = 0x3e;
/// Everything behind the bridge is held in reset.
pub const SECONDARY_BUS_RESET: u16 = 1 << 6;

/// Where MSI and MSI-X have their control: in the high half of the capability's first register.
pub const MSI_CONTROL: u16 = 2;
/// MSI may interrupt.
pub const MSI_ENABLE: u16 = 1;
/// MSI-X may interrupt.
pub const MSI_X_ENABLE: u16 = 1 << 15;

/// Bits of the command register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Command(pub u16);

impl Command {
    /// Answers at I/O ports.
    pub const IO: Self = Self(1);
    /// Answers at memory addresses.
    pub const MEMORY: Self = Self(1 << 1);
    /// May read and write memory by itself.
    pub const BUS_MASTER: Self = Self(1 << 2);
    /// Must not interrupt by its pin.
    pub const NO_PIN: Self = Self(1 << 10);

    /// All bits of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
