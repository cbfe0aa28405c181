//! `devices`: which functions and serial ports a partition wants.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use toml::Spanned;
use toml::de::DeValue;

use super::mistake::{Fault, Mistake};
use super::section::Section;
use crate::pci::{ClassFilter, PciAddress};

/// A device as its owner names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceWish {
    /// The function there: `0000:03:00.0`.
    Function(PciAddress),
    /// The first function of a class that nobody else has: `class:nvme`.
    Class(ClassFilter),
    /// The first function of a model that nobody else has: `id:1af4:1041`.
    Model {
        /// Who makes it.
        vendor_id: u16,
        /// The maker's number for it.
        device_id: u16,
    },
    /// The serial port of that number, counted from the boot image's own: `serial:1`.
    Serial(u8),
}

const KEY: &str = "devices";

/// The devices of a partition; `None` if one has no meaning, and then that is a mistake.
pub(super) fn read(section: &Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> Option<Vec<Spanned<DeviceWish>>> {
    let Some(value) = section.optional(KEY) else { return Some(Vec::new()) };
    let DeValue::Array(array) = value.get_ref() else {
        let fault = Fault::wrong_type(KEY, "a list of devices, like [\"class:nvme\"]", value);
        mistakes.push(Mistake::new(value.span(), fault));
        return None;
    };
    let mut wishes: Vec<Spanned<DeviceWish>> = Vec::new();
    for value in array.iter() {
        let is_serial = |wish: DeviceWish| matches!(wish, DeviceWish::Serial(_));
        let wish = wish(value).and_then(|wish| match wishes.iter().find(|other| is_serial(*other.get_ref())) {
            Some(first) if is_serial(wish) => Err(Fault::SecondSerialPort { first: first.span() }),
            _ => Ok(wish),
        });
        match wish {
            Ok(wish) => wishes.push(Spanned::new(value.span(), wish)),
            Err(fault) => mistakes.push(Mistake::new(value.span(), fault)),
        }
    }
    (wishes.len() == array.len()).then_some(wishes)
}

fn wish(value: &Spanned<DeValue<'_>>) -> Result<DeviceWish, Fault> {
    let DeValue::String(text) = value.get_ref() else {
        return Err(Fault::wrong_type(KEY, "a list of strings", value));
    };
    let without_meaning = |reason| Fault::DeviceWithoutMeaning { written: text.as_ref().to_owned(), reason };
    match text.split_once(':') {
        Some(("class", class)) => {
            ClassFilter::parse(class).map(DeviceWish::Class).ok_or_else(|| without_meaning(Unmeaning::Class))
        }
        Some(("id", model)) => model_of(model).ok_or_else(|| without_meaning(Unmeaning::Model)),
        Some(("serial", number)) => {
            let digits = number.bytes().all(|byte| byte.is_ascii_digit());
            let number = number.parse().ok().filter(|_| digits);
            number.map(DeviceWish::Serial).ok_or_else(|| without_meaning(Unmeaning::Serial))
        }
        _ => text.parse().map(DeviceWish::Function).map_err(|_| without_meaning(Unmeaning::Address)),
    }
}

fn model_of(text: &str) -> Option<DeviceWish> {
    let number = |text: &str| {
        let whole = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        whole.then(|| u16::from_str_radix(text, 16).ok()).flatten()
    };
    let (vendor, device) = text.split_once(':')?;
    Some(DeviceWish::Model { vendor_id: number(vendor)?, device_id: number(device)? })
}

/// What a device was meant to be named by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unmeaning {
    Address,
    Class,
    Model,
    Serial,
}

impl Unmeaning {
    /// How it is written.
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

impl fmt::Display for Unmeaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "it is no PCI address",
            Self::Class => "there is no such class",
            Self::Model => "it is no vendor and device",
            Self::Serial => "it is no number of a serial port",
        })
    }
}

impl fmt::Display for DeviceWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(address) => address.fmt(f),
            Self::Class(class) => class.fmt(f),
            Self::Model { vendor_id, device_id } => write!(f, "id:{vendor_id:04x}:{device_id:04x}"),
            Self::Serial(number) => write!(f, "serial:{number}"),
        }
    }
}
