//! How a box file names a device.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::pci::{ClassFilter, PciAddress};

/// A device as its owner names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceSelector {
    /// The function there: `0000:03:00.0`.
    Function(PciAddress),
    /// The first free function of a class: `class:nvme`.
    Class(ClassFilter),
    /// The first free function of a model: `id:1af4:1041`.
    Model {
        /// The maker's number.
        vendor_id: u16,
        /// The maker's number for it.
        device_id: u16,
    },
    /// The serial port of that number, counted from the boot image's own: `serial:1`.
    Serial(u8),
}

impl fmt::Display for DeviceSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(address) => address.fmt(f),
            Self::Class(class) => class.fmt(f),
            Self::Model { vendor_id, device_id } => write!(f, "id:{vendor_id:04x}:{device_id:04x}"),
            Self::Serial(number) => write!(f, "serial:{number}"),
        }
    }
}
/// The kind of name that could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DeviceNameError {
    Address,
    Class,
    Model,
    Serial,
}

impl DeviceNameError {
    /// How that kind is written.
    pub(super) fn help(self) -> String {
        match self {
            Self::Address => {
                "write an address with its segment, \"0000:03:00.0\", or \"class:nvme\", \"id:1af4:1041\", \
                              \"serial:1\""
                    .to_owned()
            }
            Self::Class => {
                let names: Vec<_> = ClassFilter::names().collect();
                alloc::format!(
                    "the classes are {}, or four or six hexadecimal digits: \"class:0108\"",
                    names.join(", ")
                )
            }
            Self::Model => "write vendor and device in four hexadecimal digits each: \"id:1af4:1041\"".to_owned(),
            Self::Serial => "write the port's number, that of the boot image's own being 0: \"serial:1\"".to_owned(),
        }
    }
}

impl fmt::Display for DeviceNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "it is no PCI address",
            Self::Class => "there is no such class",
            Self::Model => "it is no vendor and device",
            Self::Serial => "it is no number of a serial port",
        })
    }
}
