//! One table of the box file: its keys, and those that are missing or unknown.

use alloc::vec::Vec;
use core::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::error::{ConfigError, ConfigErrorKind};
use super::spelling;

/// A table and its title.
pub(super) struct Section<'a, 'i> {
    title: &'static str,
    known: &'static [&'static str],
    table: &'a DeTable<'i>,
    span: Range<usize>,
}

impl<'a, 'i> Section<'a, 'i> {
    /// A table that may have the `known` keys; any other key is an error.
    pub(super) fn new(
        title: &'static str,
        known: &'static [&'static str],
        table: &'a DeTable<'i>,
        span: Range<usize>,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let section = Self { title, known, table, span };
        for (key, meant) in section.unknown_keys() {
            let kind =
                ConfigErrorKind::UnknownKey { key: key.get_ref().clone().into_owned(), section: title, known, meant };
            errors.push(ConfigError::new(key.span(), kind));
        }
        section
    }

    /// The table that is the value of `key`.
    pub(super) fn open(
        key: &'static str,
        title: &'static str,
        known: &'static [&'static str],
        value: &'a Spanned<DeValue<'i>>,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Self> {
        match value.get_ref() {
            DeValue::Table(table) => Some(Self::new(title, known, table, value.span(), errors)),
            _ => {
                errors.push(ConfigError::new(value.span(), ConfigErrorKind::wrong_type(key, "a table", value)));
                None
            }
        }
    }

    /// The unknown keys, each with the known one that may be meant.
    fn unknown_keys(&self) -> impl Iterator<Item = (&'a Spanned<DeString<'i>>, Option<&'static str>)> {
        let known = self.known;
        let unknown = self.table.keys().filter(move |key| !known.contains(&key.get_ref().as_ref()));
        unknown.map(move |key| (key, spelling::nearest(key.get_ref(), known)))
    }

    /// Its place in the text.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    pub(super) fn optional(&self, key: &str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.table.get(key)
    }

    /// The value of `key`. It is an error if it is missing, unless it seems to be there in another spelling.
    pub(super) fn required(
        &self,
        key: &'static str,
        errors: &mut Vec<ConfigError>,
    ) -> Option<&'a Spanned<DeValue<'i>>> {
        let value = self.optional(key);
        let misspelt = || self.unknown_keys().any(|(_, meant)| meant == Some(key));
        if value.is_none() && !misspelt() {
            errors.push(ConfigError::new(self.span(), ConfigErrorKind::MissingKey { key, section: self.title }));
        }
        value
    }

    /// The meaning of the value of `key`; `None`, with an error, if there is no value or it has no meaning.
    pub(super) fn required_with<T>(
        &self,
        key: &'static str,
        meaning: impl FnOnce(&'static str, &Spanned<DeValue<'i>>) -> Result<T, ConfigErrorKind>,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Spanned<T>> {
        self.required(key, errors)?;
        self.optional_with(key, meaning, errors).ok().flatten()
    }

    /// The meaning of the value of `key`, if it is there; `Err`, with an error in `errors`, if it has none.
    pub(super) fn optional_with<T>(
        &self,
        key: &'static str,
        meaning: impl FnOnce(&'static str, &Spanned<DeValue<'i>>) -> Result<T, ConfigErrorKind>,
        errors: &mut Vec<ConfigError>,
    ) -> Result<Option<Spanned<T>>, ()> {
        let Some(value) = self.optional(key) else { return Ok(None) };
        match meaning(key, value) {
            Ok(meant) => Ok(Some(Spanned::new(value.span(), meant))),
            Err(kind) => {
                errors.push(ConfigError::new(value.span(), kind));
                Err(())
            }
        }
    }
}
