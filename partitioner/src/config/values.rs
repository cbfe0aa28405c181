//! What the values of the box file mean.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};

use toml::Spanned;
use toml::de::{DeInteger, DeValue};

use super::error::ConfigErrorKind;
use super::file::CpuRequest;
use super::limits::{CORES_MAX, NAME_MAX};
use crate::address::LARGE_PAGE;
use crate::inventory::CoreNumber;
use crate::layout::{OWNER_COMMAND_LINE_MAX, QUEUES_MAX, Window};
use crate::size::Size;

/// A name of a box or a partition.
pub(super) fn name(key: &'static str, value: &Spanned<DeValue<'_>>) -> Result<String, ConfigErrorKind> {
    usable_name(text(key, value)?)
}

/// The same of a text from elsewhere.
pub(super) fn usable_name(name: String) -> Result<String, ConfigErrorKind> {
    let usable = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() {
        Err(ConfigErrorKind::EmptyName)
    } else if !name.bytes().all(usable) || name.starts_with('-') || name.ends_with('-') {
        Err(ConfigErrorKind::NameCharacters { name })
    } else if name.len() > NAME_MAX {
        Err(ConfigErrorKind::NameTooLong { len: name.len() })
    } else {
        Ok(name)
    }
}

/// `memory`: a size in whole large pages.
pub(super) fn memory(key: &'static str, value: &Spanned<DeValue<'_>>) -> Result<u64, ConfigErrorKind> {
    match size(key, value)? {
        0 => Err(ConfigErrorKind::ZeroMemory),
        bytes => in_large_pages(key, bytes),
    }
}

/// `shared_memory`: a size in whole large pages too, enough for a box of that many partitions.
pub(super) fn window(
    key: &'static str,
    value: &Spanned<DeValue<'_>>,
    partitions: usize,
) -> Result<u64, ConfigErrorKind> {
    let least = Window { partitions, queues: 1 }.least();
    match size(key, value)? {
        bytes if bytes < least => Err(ConfigErrorKind::WindowTooSmall { bytes, least, partitions }),
        bytes => in_large_pages(key, bytes),
    }
}

/// `queues`: a count.
pub(super) fn queues(key: &'static str, value: &Spanned<DeValue<'_>>) -> Result<u8, ConfigErrorKind> {
    let DeValue::Integer(number) = value.get_ref() else {
        return Err(ConfigErrorKind::wrong_type(key, "a count, like 2", value));
    };
    small_count(number)
        .filter(|count| (1..=QUEUES_MAX).contains(count))
        .ok_or(ConfigErrorKind::QueuesOutOfRange { written: number.to_string() })
}

/// A number from 0 to 255.
pub(super) fn small_count(number: &DeInteger<'_>) -> Option<u8> {
    i64::from_str_radix(number.as_str(), number.radix()).ok().and_then(|count| u8::try_from(count).ok())
}

fn in_large_pages(key: &'static str, bytes: u64) -> Result<u64, ConfigErrorKind> {
    match bytes.checked_next_multiple_of(LARGE_PAGE) {
        Some(next) if next == bytes => Ok(bytes),
        next => Err(ConfigErrorKind::NotInLargePages { key, bytes, next: next.unwrap_or(bytes - bytes % LARGE_PAGE) }),
    }
}

fn size(key: &'static str, value: &Spanned<DeValue<'_>>) -> Result<u64, ConfigErrorKind> {
    let written = match value.get_ref() {
        DeValue::String(text) => text.as_ref(),
        // A bare number is the likeliest slip, and deserves the help of a size and not that of a type.
        DeValue::Integer(number) => number.as_str(),
        _ => return Err(ConfigErrorKind::wrong_type(key, "a size, like \"512MiB\"", value)),
    };
    let error = match Size::parse(written) {
        Ok(size) => return Ok(size.0),
        Err(error) => error,
    };
    Err(ConfigErrorKind::SizeWithoutMeaning { key, written: written.to_owned(), error })
}

/// `cpus`: a count or a set.
pub(super) fn cpus(key: &'static str, value: &Spanned<DeValue<'_>>) -> Result<CpuRequest, ConfigErrorKind> {
    match value.get_ref() {
        DeValue::Integer(number) => count(number).map(CpuRequest::Count),
        DeValue::String(text) => set(text).map(CpuRequest::Set),
        _ => Err(ConfigErrorKind::wrong_type(key, "a count, like 2, or a set of cores, like \"2-3\"", value)),
    }
}

fn count(number: &DeInteger<'_>) -> Result<u32, ConfigErrorKind> {
    match i64::from_str_radix(number.as_str(), number.radix()) {
        Ok(0) => Err(ConfigErrorKind::ZeroCores),
        Ok(count @ 1..) if count <= i64::from(CORES_MAX) => {
            u32::try_from(count).map_err(|_| ConfigErrorKind::ZeroCores)
        }
        _ => Err(ConfigErrorKind::CoreCountWithoutMeaning { written: number.to_string() }),
    }
}

fn set(written: &str) -> Result<BTreeSet<CoreNumber>, ConfigErrorKind> {
    let without_meaning = |reason| ConfigErrorKind::CoreSetWithoutMeaning { written: written.to_owned(), reason };
    let mut set = BTreeSet::new();
    for part in written.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (Some(first), Some(last)) = (core_number(first), core_number(last)) else {
            return Err(without_meaning("it is not made of core numbers and ranges of them"));
        };
        if last < first {
            return Err(without_meaning("a range in it ends before it begins"));
        }
        if last >= CORES_MAX {
            return Err(without_meaning("a core number in it is beyond any machine"));
        }
        if !(first..=last).all(|number| set.insert(CoreNumber(number))) {
            return Err(without_meaning("a core stands twice in it"));
        }
    }
    Ok(set)
}

fn core_number(text: &str) -> Option<u32> {
    let text = text.trim();
    // `parse` alone would take "+2".
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// `kernel` and `initrd`: a path, which also becomes a line of the bundle's manifest.
pub(super) fn path(key: &'static str, value: &Spanned<DeValue<'_>>) -> Result<String, ConfigErrorKind> {
    let path = text(key, value)?;
    if path.is_empty() {
        Err(ConfigErrorKind::EmptyPath { key })
    } else if path.chars().any(char::is_control) {
        Err(ConfigErrorKind::ControlCharacters { key })
    } else {
        Ok(path)
    }
}

/// `cmdline`: one line.
pub(super) fn cmdline(key: &'static str, value: &Spanned<DeValue<'_>>) -> Result<String, ConfigErrorKind> {
    let cmdline = text(key, value)?;
    if cmdline.chars().any(char::is_control) {
        Err(ConfigErrorKind::ControlCharacters { key })
    } else if cmdline.len() > OWNER_COMMAND_LINE_MAX {
        Err(ConfigErrorKind::CmdlineTooLong { len: cmdline.len() })
    } else {
        Ok(cmdline)
    }
}

fn text(key: &'static str, value: &Spanned<DeValue<'_>>) -> Result<String, ConfigErrorKind> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.as_ref().to_owned()),
        _ => Err(ConfigErrorKind::wrong_type(key, "a string", value)),
    }
}
