//! What can be wrong with a box file before it is compared with a machine, and the diagnostic of each error.
//!
//! To add an error, add its variant to [`ConfigErrorKind`] with its message, and its arm to `explain`: without either
//! this does not compile.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::device::DeviceNameError;
use super::limits::{CORES_MAX, NAME_MAX};
use super::words::RefusedWord;
use crate::address::LARGE_PAGE;
use crate::diagnostic::{Diagnostic, Place, line_of};
use crate::layout::{OWNER_COMMAND_LINE_MAX, QUEUES_MAX, Window};
use crate::size::{Size, SizeError};

/// A kind and the bytes of the file that have it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ConfigError {
    pub(super) span: Range<usize>,
    kind: ConfigErrorKind,
}

/// What is wrong.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum ConfigErrorKind {
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
    #[error("no partition starts with the box, and so nobody could start one")]
    NothingStarts,
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
    DeviceWithoutMeaning { written: String, reason: DeviceNameError },
    #[error("a partition has two serial ports, and an instance has one console")]
    SecondSerialPort { first: Range<usize> },
    #[error("`{key}` = {written:?} is none of the things that can be done")]
    ReactionWithoutMeaning { key: &'static str, written: String },
    #[error("{written} is not a limit of restarts, it goes from 0 to 255")]
    RestartLimitOutOfRange { written: String },
    #[error("`cmdline` has {len} bytes, {OWNER_COMMAND_LINE_MAX} is the most")]
    CmdlineTooLong { len: usize },
    #[error("`cmdline` has {word:?}: {}", rule.effect)]
    CmdlineWord { word: String, rule: &'static RefusedWord },
}

impl ConfigError {
    pub(super) fn new(span: Range<usize>, kind: ConfigErrorKind) -> Self {
        Self { span, kind }
    }
}

/// The errors of the TOML parser, the first of each line: the later ones are mostly its consequences.
pub(super) fn of_syntax(text: &str, syntax: &[toml::de::Error]) -> Vec<ConfigError> {
    let mut errors: Vec<ConfigError> = Vec::new();
    for error in syntax {
        let span = error.span().unwrap_or(0..0);
        let line = line_of(text, span.start);
        if errors.iter().all(|error| line_of(text, error.span.start) != line) {
            let reason = error.message().replace('\n', ", ");
            errors.push(ConfigError::new(span, ConfigErrorKind::Syntax { reason }));
        }
    }
    errors
}

impl ConfigErrorKind {
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

    /// Everything but the message, which is its `Display`.
    fn explain(&self) -> Explanation {
        match self {
            Self::Syntax { .. } => explain(
                "toml-syntax",
                "here",
                "mend this line: `key = value`, each key once in its table, and text in quotes",
            ),
            Self::UnknownKey { known, meant, .. } => {
                explain("unknown-key", "nobody reads this key", help_for_key(known, *meant))
            }
            Self::MissingKey { key: "partition", .. } => explain("no-partitions", "in here", example("partition")),
            Self::MissingKey { key, .. } => explain("missing-key", "in here", example(key)),
            Self::WrongType { key, .. } => value("wrong-type", example(key)),
            Self::NoPartitions => explain(
                "no-partitions",
                "nothing is asked for",
                "add a [[partition]] with name, cpus, memory and kernel",
            ),
            Self::NothingStarts => explain(
                "nothing-starts",
                "every one has `start = false`",
                "leave `start` out of one partition: from there the others can be started",
            ),
            Self::EmptyName => value("empty-name", help_for_name()),
            Self::NameCharacters { .. } => value("name-characters", help_for_name()),
            Self::NameTooLong { .. } => value("name-too-long", help_for_name()),
            Self::DuplicateName { first, .. } => {
                explain("duplicate-name", "named again here", "give each partition a name of its own")
                    .with_first(first, "first named here")
            }
            Self::SizeWithoutMeaning { key, written, error } => {
                value("size-without-meaning", help_for_size(key, written, error))
            }
            Self::ZeroMemory => value("zero-memory", "a kernel needs some 128MiB at least: write memory = \"512MiB\""),
            Self::NotInLargePages { key, next, .. } => {
                value("size-not-in-2mib", format!("the next that is: {key} = \"{}\"", Size(*next)))
            }
            Self::WindowTooSmall { .. } => value("window-too-small", "leave `shared_memory` out to have 64MiB"),
            Self::QueuesOutOfRange { .. } => value("queues-out-of-range", example("queues")),
            Self::ZeroCores => value("zero-cores", "a partition needs at least one core: write cpus = 1"),
            Self::CoreCountWithoutMeaning { .. } => value("core-count-without-meaning", example("cpus")),
            Self::CoreSetWithoutMeaning { .. } => {
                value("core-set-without-meaning", "write numbers and ranges with commas between: cpus = \"2-3,6\"")
            }
            Self::EmptyPath { key } => {
                value("empty-path", format!("name a file, or leave `{key}` out where it is optional"))
            }
            Self::ControlCharacters { key } => {
                value("control-characters", format!("write `{key}` as plain text on one line"))
            }
            Self::DeviceWithoutMeaning { reason, .. } => value("device-without-meaning", reason.help()),
            Self::SecondSerialPort { first } => {
                explain("second-serial-port", "the second", "leave one of the two out").with_first(first, "the first")
            }
            Self::ReactionWithoutMeaning { key, .. } => value("reaction-without-meaning", example(key)),
            Self::RestartLimitOutOfRange { .. } => value("restart-limit-out-of-range", example("restart_limit")),
            Self::CmdlineTooLong { .. } => {
                value("cmdline-too-long", "the rest of Linux's 2048 bytes is for what Sprig adds")
            }
            Self::CmdlineWord { rule, .. } => explain("cmdline-word-refused", "in this line", rule.help()),
        }
    }
}

/// What a diagnostic says beside its message.
struct Explanation {
    code: &'static str,
    label: &'static str,
    /// An earlier place that has a part in it.
    first: Option<Place>,
    help: String,
}

fn explain(code: &'static str, label: &'static str, help: impl Into<String>) -> Explanation {
    Explanation { code, label, first: None, help: help.into() }
}

/// The explanation of a value that is wrong.
fn value(code: &'static str, help: impl Into<String>) -> Explanation {
    explain(code, "this value", help)
}

impl Explanation {
    fn with_first(self, span: &Range<usize>, label: &str) -> Self {
        Self { first: Some(Place::new(span.clone(), label)), ..self }
    }
}

fn help_for_key(known: &[&str], meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("did you mean `{meant}`? the keys here are {}", list(known)),
        None => format!("the keys here are {}", list(known)),
    }
}

fn help_for_name() -> String {
    format!("a name has 1 to {NAME_MAX} of a-z, 0-9 and -, and neither begins nor ends with -: it becomes a host name")
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

/// The example of a key that has none; a test looks that there is no such key.
const NO_EXAMPLE: &str = "see docs/src/configuration.md";

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
        "start" => "write start = false, or leave `start` out to start it with the box",
        "on_panic" => "write on_panic = \"restart\", \"stop\" or \"keep\"",
        "on_hang" => "write on_hang = \"restart\", \"stop\" or \"keep\"",
        "on_exit" => "write on_exit = \"restart\", \"stop\" or \"keep\"",
        "restart_limit" => "write restart_limit = 5, or 0 for no restart",
        "cmdline" => "write cmdline = \"quiet\"",
        _ => NO_EXAMPLE,
    }
}

fn list(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

impl From<ConfigError> for Diagnostic {
    fn from(ConfigError { span, kind }: ConfigError) -> Self {
        let Explanation { code, label, first, help } = kind.explain();
        let places = [Place::new(span, label)].into_iter().chain(first).collect();
        Self::new(code, kind.to_string(), places, help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;

    #[test]
    fn every_key_has_an_example() {
        for key in [keys::FILE, keys::BOX, keys::PARTITION].concat() {
            assert_ne!(example(key), NO_EXAMPLE, "{key}");
        }
    }
}
