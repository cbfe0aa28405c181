//! This end: what is typed here, on a terminal or in a pipe.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGTERM};
use signal_hook::flag;

/// What was typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Typed {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing, for as long as was waited.
    Nothing,
    /// Nothing more comes.
    End,
}

/// Standard input. If it is a terminal, each key comes at once and as it is, while this value lives. Signals that would end
/// the program then end the input, so that the terminal is as it was before.
pub(super) struct Input {
    before: Option<Termios>,
    is_killed: Arc<AtomicBool>,
}

impl Input {
    /// Takes it.
    pub(super) fn open() -> io::Result<Self> {
        let input = io::stdin();
        let is_killed = Arc::default();
        if !input.is_terminal() {
            return Ok(Self { before: None, is_killed });
        }
        for signal in [SIGHUP, SIGTERM] {
            flag::register(signal, Arc::clone(&is_killed))?;
        }
        let before = tcgetattr(&input)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&input, OptionalActions::Drain, &raw)?;
        Ok(Self { before: Some(before), is_killed })
    }

    /// Whether somebody types at a terminal.
    pub(super) fn is_terminal(&self) -> bool {
        self.before.is_some()
    }

    /// What was typed, after at most that long.
    pub(super) fn read(&self, limit: Duration) -> io::Result<Typed> {
        if self.is_killed.load(Ordering::Relaxed) {
            return Ok(Typed::End);
        }
        let input = io::stdin();
        let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
        let mut ready = [PollFd::new(&input, PollFlags::IN)];
        match poll(&mut ready, Some(&limit)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Typed::Nothing),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut bytes = vec![0; 1024];
        match rustix::io::read(&input, &mut bytes)? {
            0 => Ok(Typed::End),
            len => {
                bytes.truncate(len);
                Ok(Typed::Bytes(bytes))
            }
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // A terminal that is gone has nothing to be restored.
            let _ = tcsetattr(io::stdin(), OptionalActions::Drain, before);
        }
    }
}
