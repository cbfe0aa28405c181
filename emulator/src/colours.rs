//! ANSI colours, where the reader wants them.

use std::io::IsTerminal;

/// Whether the terminal shows colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colours {
    /// No escape sequences at all.
    Off,
    /// ANSI colours.
    On,
}

impl Colours {
    /// On for a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
    pub fn wanted(stream: &impl IsTerminal) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if stream.is_terminal() && !refused { Self::On } else { Self::Off }
    }

    /// `text` with an SGR parameter list switched on around it.
    pub fn paint(self, parameters: &str, text: &str) -> String {
        match self {
            Self::Off => text.to_owned(),
            Self::On => format!("\x1b[{parameters}m{text}\x1b[0m"),
        }
    }
}
