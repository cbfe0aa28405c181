//! What can be wrong with a box file, before it is held against a machine.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::devices::Unmeaning;
use super::values::{CORES_MAX, NAME_MAX};
use crate::address::LARGE_PAGE;
use crate::diagnostic::{Diagnostic, Place, line_of};
use crate::layout::{OWNER_COMMAND_LINE_MAX, QUEUES_MAX, Window};
use crate::size::{Size, SizeError};

/// A fault and the bytes of the file that have it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mistake {
    pub(super) span: Range<usize>,
    fault: Fault,
}

/// What is wrong.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the box file is not valid TOML: {reason}")]
    Syntax { reason: String },
    #[error("unknown key `{key}` in {section}")]
    UnknownKey { key: String, section: &'static str, known: &'static [&'static str], meant: Option<&'static str> },
    #[error("{section} has no `{key}`")]
    MissingKey { key: &'static str, section: &'static str },
    #[error("`{key}` is {expected}, not {found}")]
    WrongType { key: &'static str, expected: &'static str, found: &'static str },
    #[error("the box has no partition")]
    NoPartitions,
    #[error("a name is empty")]
    EmptyName,
    #[error("the name {name:?} has characters that a name cannot have")]
    NameCharacters { name: String },
    #[error("a name of {len} characters is too long, {NAME_MAX} is the most")]
    NameTooLong { len: usize },
    #[error("two partitions have the name \"{name}\"")]
    DuplicateName { name: String, first: Range<usize> },
    #[error("`{key}` = {written:?} is not a size: {error}")]
    SizeWithoutMeaning { key: &'static str, written: String, error: SizeError },
    #[error("a partition has no memory")]
    ZeroMemory,
    #[error("`{key}` = {} is not a multiple of 2MiB", Size(*bytes))]
    NotInLargePages { key: &'static str, bytes: u64, next: u64 },
    #[error("the shared memory of {} is too small, {} is the least{}", Size(*bytes), Size(*least), for_partitions(*partitions))]
    WindowTooSmall { bytes: u64, least: u64, partitions: usize },
    #[error("{written} is not a count of queues, it goes from 1 to {QUEUES_MAX}")]
    QueuesOutOfRange { written: String },
    #[error("a partition has no core")]
    ZeroCores,
    #[error("{written} is not a count of cores, it goes from 1 to {CORES_MAX}")]
    CoreCountWithoutMeaning { written: String },
    #[error("{written:?} is not a set of cores: {reason}")]
    CoreSetWithoutMeaning { written: String, reason: &'static str },
    #[error("`{key}` is empty")]
    EmptyPath { key: &'static str },
    #[error("`{key}` has a line break or another control character")]
    ControlCharacters { key: &'static str },
    #[error("{written:?} is not a device: {reason}")]
    DeviceWithoutMeaning { written: String, reason: Unmeaning },
    #[error("a partition has two serial ports, and an instance has one console")]
    SecondSerialPort { first: Range<usize> },
    #[error("`cmdline` has {len} bytes, {OWNER_COMMAND_LINE_MAX} is the most")]
    CmdlineTooLong { len: usize },
}

impl Mistake {
    pub(super) fn new(span: Range<usize>, fault: Fault) -> Self {
        Self { span, fault }
    }
}

/// What the TOML parser objects to, the first of each line: the later ones are mostly its consequences.
pub(super) fn of_syntax(text: &str, errors: &[toml::de::Error]) -> Vec<Mistake> {
    let mut mistakes: Vec<Mistake> = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let line = line_of(text, span.start);
        if mistakes.iter().all(|mistake| line_of(text, mistake.span.start) != line) {
            let reason = error.message().replace('\n', ", ");
            mistakes.push(Mistake::new(span, Fault::Syntax { reason }));
        }
    }
    mistakes
}

impl Fault {
    /// `value` is not of the type that `key` has.
    pub(super) fn wrong_type(key: &'static str, expected: &'static str, value: &Spanned<DeValue<'_>>) -> Self {
        let found = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        Self::WrongType { key, expected, found }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "toml-syntax",
            Self::UnknownKey { .. } => "unknown-key",
            Self::MissingKey { key: "partition", .. } => "no-partitions",
            Self::MissingKey { .. } => "missing-key",
            Self::WrongType { .. } => "wrong-type",
            Self::NoPartitions => "no-partitions",
            Self::EmptyName => "empty-name",
            Self::NameCharacters { .. } => "name-characters",
            Self::NameTooLong { .. } => "name-too-long",
            Self::DuplicateName { .. } => "duplicate-name",
            Self::SizeWithoutMeaning { .. } => "size-without-meaning",
            Self::ZeroMemory => "zero-memory",
            Self::NotInLargePages { .. } => "size-not-in-2mib",
            Self::WindowTooSmall { .. } => "window-too-small",
            Self::QueuesOutOfRange { .. } => "queues-out-of-range",
            Self::ZeroCores => "zero-cores",
            Self::CoreCountWithoutMeaning { .. } => "core-count-without-meaning",
            Self::CoreSetWithoutMeaning { .. } => "core-set-without-meaning",
            Self::EmptyPath { .. } => "empty-path",
            Self::ControlCharacters { .. } => "control-characters",
            Self::DeviceWithoutMeaning { .. } => "device-without-meaning",
            Self::SecondSerialPort { .. } => "second-serial-port",
            Self::CmdlineTooLong { .. } => "cmdline-too-long",
        }
    }

    fn label(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "here",
            Self::UnknownKey { .. } => "nobody reads this key",
            Self::MissingKey { .. } => "in here",
            Self::NoPartitions => "nothing is asked for",
            Self::DuplicateName { .. } => "named again here",
            Self::SecondSerialPort { .. } => "the second",
            _ => "this value",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Syntax { .. } => {
                "mend this line: `key = value`, each key once in its table, and text in quotes".to_owned()
            }
            Self::UnknownKey { known, meant: Some(meant), .. } => {
                format!("did you mean `{meant}`? the keys here are {}", list(known))
            }
            Self::UnknownKey { known, .. } => format!("the keys here are {}", list(known)),
            Self::MissingKey { key, .. } => example(key).to_owned(),
            Self::WrongType { key, .. } => example(key).to_owned(),
            Self::NoPartitions => "add a [[partition]] with name, cpus, memory and kernel".to_owned(),
            Self::EmptyName | Self::NameCharacters { .. } | Self::NameTooLong { .. } => format!(
                "a name has 1 to {NAME_MAX} of a-z, 0-9 and -, and neither begins nor ends with -: it becomes a host name"
            ),
            Self::DuplicateName { .. } => "give each partition a name of its own".to_owned(),
            Self::SizeWithoutMeaning { key, written, error } => help_for_size(key, written, error),
            Self::ZeroMemory => "a kernel needs some 128MiB at least: write memory = \"512MiB\"".to_owned(),
            Self::NotInLargePages { key, next, .. } => format!("the next that is: {key} = \"{}\"", Size(*next)),
            Self::WindowTooSmall { .. } => "leave `shared_memory` out to have 64MiB".to_owned(),
            Self::QueuesOutOfRange { .. } => example("queues").to_owned(),
            Self::ZeroCores => "a partition needs at least one core: write cpus = 1".to_owned(),
            Self::CoreCountWithoutMeaning { .. } => example("cpus").to_owned(),
            Self::CoreSetWithoutMeaning { .. } => {
                "write numbers and ranges with commas between: cpus = \"2-3,6\"".to_owned()
            }
            Self::EmptyPath { key } => format!("name a file, or leave `{key}` out where it is optional"),
            Self::ControlCharacters { key } => format!("write `{key}` as plain text on one line"),
            Self::DeviceWithoutMeaning { reason, .. } => reason.help(),
            Self::SecondSerialPort { .. } => "leave one of the two out".to_owned(),
            Self::CmdlineTooLong { .. } => "the rest of Linux's 2048 bytes is for what Sprig adds".to_owned(),
        }
    }
}

/// For how many partitions, where that is what asks for so much.
fn for_partitions(count: usize) -> String {
    if (Window { partitions: count, queues: 1 }).least() > LARGE_PAGE {
        format!(" for {count} partitions")
    } else {
        String::new()
    }
}

fn help_for_size(key: &str, written: &str, error: &SizeError) -> String {
    let digits = written.trim().bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = written.trim().split_at(digits);
    let unit = match rest.trim().bytes().next().map(|byte| byte.to_ascii_uppercase()) {
        Some(b'K') => "KiB",
        Some(b'G') => "GiB",
        Some(b'T') => "TiB",
        None | Some(b'M') => "MiB",
        Some(_) => "",
    };
    match error {
        SizeError::NoUnit | SizeError::UnknownUnit if !unit.is_empty() => {
            format!("say the unit: {key} = \"{number}{unit}\"")
        }
        _ => format!("write a whole number and KiB, MiB, GiB or TiB: {key} = \"512MiB\""),
    }
}

fn example(key: &str) -> &'static str {
    match key {
        "box" => "write [box], and below it name = \"pair\"",
        "partition" => "write [[partition]], and below it name, cpus, memory and kernel",
        "name" => "write name = \"web\"",
        "cpus" => "write cpus = 2 for two cores, or cpus = \"2-3\" for these two",
        "memory" | "shared_memory" => "write a whole number and its unit, like \"512MiB\"",
        "queues" => "write queues = 2, or leave `queues` out to have as many as the partitions' cores can use",
        "kernel" => "write kernel = \"vmlinuz\", a path to a stock kernel image",
        "initrd" => "write initrd = \"initrd.img\", a path",
        "devices" => "write devices = [\"0000:03:00.0\", \"class:nvme\", \"serial:1\"]",
        _ => "write cmdline = \"quiet\"",
    }
}

fn list(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

impl From<Mistake> for Diagnostic {
    fn from(Mistake { span, fault }: Mistake) -> Self {
        let mut places = vec![Place { span, label: fault.label().to_owned() }];
        match &fault {
            Fault::DuplicateName { first, .. } => {
                places.push(Place { span: first.clone(), label: "first named here".to_owned() });
            }
            Fault::SecondSerialPort { first } => {
                places.push(Place { span: first.clone(), label: "the first".to_owned() });
            }
            _ => {}
        }
        Self { code: fault.code(), message: fault.to_string(), places, help: fault.help() }
    }
}
