//! Where a PCI function is.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// Segment, bus, device and function, written `0000:03:00.0` as `lspci -D` has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PciAddress {
    segment: u16,
    bus: u8,
    device: u8,
    function: u8,
}

/// Text that is no address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an address is written SEGMENT:BUS:DEVICE.FUNCTION in hexadecimal, like 0000:03:00.0")]
pub struct AddressError;

/// Devices on a bus.
pub(super) const DEVICES: u8 = 32;
/// Functions of a device.
pub(super) const FUNCTIONS: u8 = 8;

impl PciAddress {
    /// `None` if there is no such device on any bus, or no such function of any device.
    pub const fn new(segment: u16, bus: u8, device: u8, function: u8) -> Option<Self> {
        if device < DEVICES && function < FUNCTIONS { Some(Self { segment, bus, device, function }) } else { None }
    }

    /// Every function that a bus can have, in their order.
    pub fn on_bus(segment: u16, bus: u8) -> impl Iterator<Item = Self> {
        (0..DEVICES).map(move |device| Self { segment, bus, device, function: 0 })
    }

    /// The other functions of the same device.
    pub fn siblings(self) -> impl Iterator<Item = Self> {
        (1..FUNCTIONS).map(move |function| Self { function, ..self })
    }

    /// PCI segment group.
    pub const fn segment(self) -> u16 {
        self.segment
    }

    /// Bus.
    pub const fn bus(self) -> u8 {
        self.bus
    }

    /// Device on the bus.
    pub const fn device(self) -> u8 {
        self.device
    }

    /// Function of the device.
    pub const fn function(self) -> u8 {
        self.function
    }

    /// How far into its segment's configuration space in memory this function's 4 KiB lie (PCI Express Base
    /// Specification 5.0, section 7.2.2).
    pub const fn ecam_offset(self) -> u64 {
        (self.bus as u64) << 20 | (self.device as u64) << 15 | (self.function as u64) << 12
    }
}

impl FromStr for PciAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut parts = text.split([':', '.']);
        let mut part = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits)?;
            // The parser alone would take a sign.
            let digits = part.bytes().all(|byte| byte.is_ascii_hexdigit());
            digits.then(|| u16::from_str_radix(part, 16).ok()).flatten()
        };
        let byte = |number: u16| u8::try_from(number).ok();
        let address = match (part(4), part(2), part(2), part(1)) {
            (Some(segment), Some(bus), Some(device), Some(function)) => byte(bus)
                .zip(byte(device))
                .zip(byte(function))
                .and_then(|((bus, device), function)| Self::new(segment, bus, device, function)),
            _ => None,
        };
        let as_written = |address: &Self| {
            parts.next().is_none() && text.as_bytes().get(10) == Some(&b'.') && address.device < DEVICES
        };
        address.filter(as_written).ok_or(AddressError)
    }
}

impl TryFrom<String> for PciAddress {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<PciAddress> for String {
    fn from(address: PciAddress) -> Self {
        alloc::format!("{address}")
    }
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:02x}:{:02x}.{:x}", self.segment, self.bus, self.device, self.function)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_whole_addresses_are_taken() {
        for text in
            ["03:00.0", "0000:03:00", "0000:03:20.0", "0000:03:00.8", "0000:03:00:0", "0000:+3:00.0", "0000:03:00.0 "]
        {
            assert_eq!(text.parse::<PciAddress>(), Err(AddressError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(segment: u16, bus: u8, device in 0u8..32, function in 0u8..8) {
            let address = PciAddress::new(segment, bus, device, function).unwrap();
            prop_assert_eq!(address.to_string().parse(), Ok(address));
        }
    }
}
