//! What can go wrong, as one line each.

use std::error::Error;
use std::fmt;

/// Why something was not measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// There is nowhere for the second process.
    #[error("two cores are needed, one for each process, and this one may run on {0}: see taskset(1)")]
    TooFewCores(usize),
    /// A wait came to its limit.
    #[error("waited in vain for {0}")]
    Waited(&'static str),
    /// Something that the system does for everybody else.
    #[error("cannot {what}: {why}")]
    Cannot {
        /// What was tried.
        what: String,
        /// What came of it.
        why: Box<dyn Error + Send + Sync>,
    },
    /// What was measured is not what was to be measured.
    #[error("{0}")]
    Wrong(String),
}

impl Failure {
    /// To be handed to `map_err`: what was tried.
    pub(crate) fn of<E: Error + Send + Sync + 'static>(what: &str) -> impl FnOnce(E) -> Self {
        let what = what.to_owned();
        move |why| Self::Cannot { what, why: Box::new(why) }
    }

    /// That something is wrong, in words.
    pub(crate) fn wrong(what: impl fmt::Display) -> Self {
        Self::Wrong(what.to_string())
    }
}
