//! The terminal while every key matters: no echo, no line editing, no signals from keys. Restored when dropped.

use std::io::{IsTerminal, stdin, stdout};

use rustix::process::getpgrp;
use rustix::termios::{OptionalActions, OutputModes, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// Having one means that the terminal gives every key as it is pressed.
pub(super) struct RawTerminal {
    before: Termios,
}

impl RawTerminal {
    /// Takes the terminal, if a person sits before it and we are in the foreground.
    pub(super) fn take() -> Option<Self> {
        let foreground = tcgetpgrp(stdin()).is_ok_and(|group| group == getpgrp());
        if !stdin().is_terminal() || !stdout().is_terminal() || !foreground {
            return None;
        }
        let before = tcgetattr(stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        // Our own lines end in a line feed only.
        raw.output_modes |= OutputModes::OPOST | OutputModes::ONLCR;
        tcsetattr(stdin(), OptionalActions::Flush, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.before);
    }
}
