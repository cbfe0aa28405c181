//! What a machine lacks, or has in the way, for boxes: the findings of `sprig doctor`.
//!
//! Everything is read below a root folder, so that recorded trees can be examined as the machine itself is: [`host`].
//! [`emulated`] looks at what `sprig run` needs; [`medium`], [`processor`], [`firmware`] and [`kernel`] at what a box on the machine
//! itself needs. [`report`] puts it together.
//!
//! A report is what people paste into an issue. So no finding has a path, a host or user name, a serial number or a
//! network address in it.

mod emulated;
mod firmware;
mod host;
mod kernel;
mod medium;
mod processor;
mod report;

pub(crate) use host::Host;
pub(crate) use report::Report;

use serde::Serialize;

/// How a thing is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// Boxes run, and something will surprise.
    Warn,
    /// No box runs: a thing is missing, or in the way.
    Missing,
}

/// What the thing is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Purpose {
    /// A box in an emulated machine on this one.
    EmulatedBox,
    /// A box on this machine itself.
    RealMachine,
}

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Finding {
    /// Stable, in kebab case.
    pub(crate) id: &'static str,
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// How it is.
    pub(crate) state: State,
    /// What was found, in a line.
    pub(crate) found: String,
    /// How to mend it; nothing if there is nothing to mend.
    pub(crate) help: Option<String>,
}

impl Finding {
    fn new(id: &'static str, purpose: Purpose, found: impl Into<String>) -> Self {
        Self { id, purpose, state: State::Ok, found: found.into(), help: None }
    }

    fn mended_by(self, state: State, help: impl Into<String>) -> Self {
        Self { state, help: Some(help.into()), ..self }
    }

    fn warned(self, help: impl Into<String>) -> Self {
        self.mended_by(State::Warn, help)
    }

    fn missing(self, help: impl Into<String>) -> Self {
        self.mended_by(State::Missing, help)
    }
}
