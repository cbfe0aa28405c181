//! What is to become of a partition: whether it starts with the box, and what follows when it ends or hangs.

use alloc::borrow::ToOwned;
use alloc::string::ToString;
use alloc::vec::Vec;

use serde::Serialize;
use toml::Spanned;
use toml::de::DeValue;

use super::error::{ConfigError, ConfigErrorKind};
use super::limits::DEFAULT_RESTART_LIMIT;
use super::section::Section;
use super::values::small_count;

/// What the other instances do.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reaction {
    /// Nothing: it stays as it is, to be looked at.
    #[default]
    Keep,
    /// They take its cores away from it.
    Stop,
    /// They start it again.
    Restart,
}

/// What is to become of a partition without anybody asking.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Lifecycle {
    /// `start`: whether it starts with the box.
    pub start: bool,
    /// `on_panic`: after a panic of its kernel.
    pub on_panic: Reaction,
    /// `on_hang`: when its kernel hangs.
    pub on_hang: Reaction,
    /// `on_exit`: after it was halted or powered off.
    pub on_exit: Reaction,
    /// `restart_limit`: most restarts of this kind within ten minutes.
    pub restart_limit: u8,
}

impl Default for Lifecycle {
    fn default() -> Self {
        let keep = Reaction::Keep;
        Self { start: true, on_panic: keep, on_hang: keep, on_exit: keep, restart_limit: DEFAULT_RESTART_LIMIT }
    }
}

/// Of a partition; `None`, with an error, if a value has no meaning.
pub(super) fn read(section: &Section<'_, '_>, errors: &mut Vec<ConfigError>) -> Option<Lifecycle> {
    let of = Lifecycle::default();
    let start = section.optional_with("start", boolean, errors).ok();
    let mut reaction = |key| section.optional_with(key, reaction, errors).ok();
    let (on_panic, on_hang, on_exit) = (reaction("on_panic"), reaction("on_hang"), reaction("on_exit"));
    let restart_limit = section.optional_with("restart_limit", limit, errors).ok();
    Some(Lifecycle {
        start: start?.map_or(of.start, Spanned::into_inner),
        on_panic: on_panic?.map_or(of.on_panic, Spanned::into_inner),
        on_hang: on_hang?.map_or(of.on_hang, Spanned::into_inner),
        on_exit: on_exit?.map_or(of.on_exit, Spanned::into_inner),
        restart_limit: restart_limit?.map_or(of.restart_limit, Spanned::into_inner),
    })
}

fn boolean(key: &'static str, value: &Spanned<DeValue<'_>>) -> Result<bool, ConfigErrorKind> {
    match value.get_ref() {
        DeValue::Boolean(value) => Ok(*value),
        _ => Err(ConfigErrorKind::wrong_type(key, "true or false", value)),
    }
}

fn reaction(key: &'static str, value: &Spanned<DeValue<'_>>) -> Result<Reaction, ConfigErrorKind> {
    match value.get_ref().as_str() {
        Some("keep") => Ok(Reaction::Keep),
        Some("stop") => Ok(Reaction::Stop),
        Some("restart") => Ok(Reaction::Restart),
        Some(written) => Err(ConfigErrorKind::ReactionWithoutMeaning { key, written: written.to_owned() }),
        None => Err(ConfigErrorKind::wrong_type(key, "\"restart\", \"stop\" or \"keep\"", value)),
    }
}

fn limit(key: &'static str, value: &Spanned<DeValue<'_>>) -> Result<u8, ConfigErrorKind> {
    let DeValue::Integer(number) = value.get_ref() else {
        return Err(ConfigErrorKind::wrong_type(key, "a count, like 5", value));
    };
    small_count(number).ok_or_else(|| ConfigErrorKind::RestartLimitOutOfRange { written: number.to_string() })
}
