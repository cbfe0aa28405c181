//! `devices`: the functions and serial ports that a partition wants.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;

use toml::Spanned;
use toml::de::DeValue;

use super::device::{DeviceNameError, DeviceSelector};
use super::error::{ConfigError, ConfigErrorKind};
use super::section::Section;
use crate::pci::ClassFilter;

const KEY: &str = "devices";

/// The devices of a partition; `None`, with an error, if one has no meaning.
pub(super) fn read(section: &Section<'_, '_>, errors: &mut Vec<ConfigError>) -> Option<Vec<Spanned<DeviceSelector>>> {
    let Some(value) = section.optional(KEY) else { return Some(Vec::new()) };
    let DeValue::Array(array) = value.get_ref() else {
        let kind = ConfigErrorKind::wrong_type(KEY, "a list of devices, like [\"class:nvme\"]", value);
        errors.push(ConfigError::new(value.span(), kind));
        return None;
    };
    let mut selectors: Vec<Spanned<DeviceSelector>> = Vec::new();
    for value in array.iter() {
        let is_serial = |selector: DeviceSelector| matches!(selector, DeviceSelector::Serial(_));
        let selector =
            selector(value).and_then(|selector| match selectors.iter().find(|other| is_serial(*other.get_ref())) {
                Some(first) if is_serial(selector) => Err(ConfigErrorKind::SecondSerialPort { first: first.span() }),
                _ => Ok(selector),
            });
        match selector {
            Ok(selector) => selectors.push(Spanned::new(value.span(), selector)),
            Err(kind) => errors.push(ConfigError::new(value.span(), kind)),
        }
    }
    (selectors.len() == array.len()).then_some(selectors)
}

fn selector(value: &Spanned<DeValue<'_>>) -> Result<DeviceSelector, ConfigErrorKind> {
    let DeValue::String(text) = value.get_ref() else {
        return Err(ConfigErrorKind::wrong_type(KEY, "a list of strings", value));
    };
    let without_meaning = |reason| ConfigErrorKind::DeviceWithoutMeaning { written: text.as_ref().to_owned(), reason };
    match text.split_once(':') {
        Some(("class", class)) => {
            ClassFilter::parse(class).map(DeviceSelector::Class).ok_or_else(|| without_meaning(DeviceNameError::Class))
        }
        Some(("id", model)) => model_of(model).ok_or_else(|| without_meaning(DeviceNameError::Model)),
        Some(("serial", number)) => {
            let digits = number.bytes().all(|byte| byte.is_ascii_digit());
            let number = number.parse().ok().filter(|_| digits);
            number.map(DeviceSelector::Serial).ok_or_else(|| without_meaning(DeviceNameError::Serial))
        }
        _ => text.parse().map(DeviceSelector::Function).map_err(|_| without_meaning(DeviceNameError::Address)),
    }
}

fn model_of(text: &str) -> Option<DeviceSelector> {
    let number = |text: &str| {
        let whole = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        whole.then(|| u16::from_str_radix(text, 16).ok()).flatten()
    };
    let (vendor, device) = text.split_once(':')?;
    Some(DeviceSelector::Model { vendor_id: number(vendor)?, device_id: number(device)? })
}
