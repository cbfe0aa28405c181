//! One table of the box file: which keys it has, which it lacks, which nobody knows.

use alloc::vec::Vec;
use core::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::mistake::{Fault, Mistake};
use super::spelling;

/// A table together with what people call it.
pub(super) struct Section<'a, 'i> {
    title: &'static str,
    known: &'static [&'static str],
    table: &'a DeTable<'i>,
    span: Range<usize>,
}

impl<'a, 'i> Section<'a, 'i> {
    /// A table that may have the `known` keys; any other is a mistake.
    pub(super) fn new(
        title: &'static str,
        known: &'static [&'static str],
        table: &'a DeTable<'i>,
        span: Range<usize>,
        mistakes: &mut Vec<Mistake>,
    ) -> Self {
        let section = Self { title, known, table, span };
        for (key, meant) in section.unknown_keys() {
            let fault = Fault::UnknownKey { key: key.get_ref().clone().into_owned(), section: title, known, meant };
            mistakes.push(Mistake::new(key.span(), fault));
        }
        section
    }

    /// The table that is the value of `key`.
    pub(super) fn open(
        key: &'static str,
        title: &'static str,
        known: &'static [&'static str],
        value: &'a Spanned<DeValue<'i>>,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<Self> {
        match value.get_ref() {
            DeValue::Table(table) => Some(Self::new(title, known, table, value.span(), mistakes)),
            _ => {
                mistakes.push(Mistake::new(value.span(), Fault::wrong_type(key, "a table", value)));
                None
            }
        }
    }

    /// The keys that nobody knows, with the one that may be meant.
    fn unknown_keys(&self) -> impl Iterator<Item = (&'a Spanned<DeString<'i>>, Option<&'static str>)> {
        let known = self.known;
        let unknown = self.table.keys().filter(move |key| !known.contains(&key.get_ref().as_ref()));
        unknown.map(move |key| (key, spelling::nearest(key.get_ref(), known)))
    }

    /// Where it stands.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    pub(super) fn optional(&self, key: &str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.table.get(key)
    }

    /// The value of `key`. That it is missing is a mistake, unless it seems to be there in another spelling.
    pub(super) fn required(&self, key: &'static str, mistakes: &mut Vec<Mistake>) -> Option<&'a Spanned<DeValue<'i>>> {
        let value = self.optional(key);
        let misspelt = || self.unknown_keys().any(|(_, meant)| meant == Some(key));
        if value.is_none() && !misspelt() {
            mistakes.push(Mistake::new(self.span(), Fault::MissingKey { key, section: self.title }));
        }
        value
    }

    /// What the value of `key` means; `None` if there is none or it has no meaning, and then that is a mistake.
    pub(super) fn required_with<T>(
        &self,
        key: &'static str,
        meaning: impl FnOnce(&'static str, &Spanned<DeValue<'i>>) -> Result<T, Fault>,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<Spanned<T>> {
        self.required(key, mistakes)?;
        self.optional_with(key, meaning, mistakes).ok().flatten()
    }

    /// What the value of `key` means, if it is there; an error if it has no meaning, and then that is a mistake.
    pub(super) fn optional_with<T>(
        &self,
        key: &'static str,
        meaning: impl FnOnce(&'static str, &Spanned<DeValue<'i>>) -> Result<T, Fault>,
        mistakes: &mut Vec<Mistake>,
    ) -> Result<Option<Spanned<T>>, ()> {
        let Some(value) = self.optional(key) else { return Ok(None) };
        match meaning(key, value) {
            Ok(meant) => Ok(Some(Spanned::new(value.span(), meant))),
            Err(fault) => {
                mistakes.push(Mistake::new(value.span(), fault));
                Err(())
            }
        }
    }
}
