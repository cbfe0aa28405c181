//! What users read when something is wrong: a stable code, one line that names the thing and the numbers, every place
//! in the box file that it concerns, and how to mend it.
//!
//! Errors are enums in the module that finds them; this is the one form into which they all turn, so that the command
//! line can draw the lines of the file around it and the boot image can print it on a serial port.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};
use core::ops::Range;

/// A place in the box file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Bytes of the file.
    pub span: Range<usize>,
    /// What is there, as seen from this error: "first claimed here".
    pub label: String,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Stable, in kebab case: `core-claimed-twice`.
    pub code: &'static str,
    /// One line without a full stop.
    pub message: String,
    /// Where, the main place first; empty if the box file has no part in it.
    pub places: Vec<Place>,
    /// How to mend it.
    pub help: String,
}

impl Place {
    /// A labelled place.
    pub fn new(span: Range<usize>, label: impl Into<String>) -> Self {
        Self { span, label: label.into() }
    }
}

impl Diagnostic {
    /// A whole diagnostic; see its fields.
    pub fn new(code: &'static str, message: impl Into<String>, places: Vec<Place>, help: impl Into<String>) -> Self {
        Self { code, message: message.into(), places, help: help.into() }
    }

    /// The lines that a serial port or a log can show: `file` names the box file, `text` is what it holds.
    ///
    /// ```text
    /// error[core-claimed-twice]: core 1 is claimed by "web" and by "db"
    ///   at box.toml:12: claimed here
    ///   at box.toml:5: first claimed here
    ///   help: give each core to one partition
    /// ```
    pub fn plain<'a>(&'a self, file: &'a str, text: &'a str) -> impl fmt::Display + 'a {
        fmt::from_fn(move |f| {
            write!(f, "error[{}]: {}", self.code, self.message)?;
            for place in &self.places {
                write!(f, "\n  at {file}:{}: {}", line_of(text, place.span.start), place.label)?;
            }
            write!(f, "\n  help: {}", self.help)
        })
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        f.write_char(' ')?;
        write!(f, "[{}]", self.code)
    }
}

/// The line of `text`, counted from 1, in which the byte at `offset` lies.
pub fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}
