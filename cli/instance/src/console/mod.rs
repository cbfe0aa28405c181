//! `sprig console`: the console of another instance, from here.
//!
//! | module | |
//! |---|---|
//! | [`remote`] | the other end, by the driver |
//! | [`terminal`] | this end: what is typed |
//! | [`relay`] | what goes from one to the other, and when that ends |

mod relay;
mod remote;
mod terminal;

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use self::relay::{End, Keys, Relay};
use self::remote::{Attached, DEVICE};
use self::terminal::{Input, Typed};
use crate::condition::{Condition, Heart};
use crate::driver::{Access, Driver, DriverError};
use crate::note;
use crate::output::{self, Listener};
use crate::partitions::{Partitions, PartitionsError};
use crate::snapshot::PageError;

/// Pause between two looks at the other console.
const PAUSE: Duration = Duration::from_millis(15);
/// Pause between two attempts to attach to one that is gone.
const AWAY: Duration = Duration::from_millis(100);
/// After the end of input from a file or a pipe, one that has printed nothing for so long is taken to be done.
const QUIET: Duration = Duration::from_secs(1);

/// Use the console of another instance
///
/// Shows what is printed there, beginning with what was printed last, and types there what you type here. Ctrl-] leaves. What
/// runs there goes on. If the partition is started again, so does this. Of several, the last to attach types, and the others
/// end.
///
/// Where standard input is no terminal, all of it is typed there. Then this ends when nothing was printed for a second.
#[derive(clap::Args, Debug)]
pub(crate) struct Console {
    /// Where standard input is no terminal: show what is printed until Ctrl-C, also when the partition is started again
    #[arg(long, short)]
    follow: bool,
    /// The partition, by its name in the box file
    name: String,
}

/// Why a console is not used, or no longer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConsoleError {
    /// The partitions are not known, or have none of that name.
    #[error(transparent)]
    Partitions(#[from] PartitionsError),
    /// The driver is not reached.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The control page is not one that this program knows.
    #[error(transparent)]
    Page(#[from] PageError),
    /// It is this instance's own partition.
    #[error("{0:?} is the partition that this runs in, and its console is /dev/ttySPRIG0")]
    Own(String),
    /// The driver has no such device.
    #[error("there is no {DEVICE}: load the driver that belongs to this program with `modprobe sprig_vni`")]
    NoDevice,
    /// That partition has none.
    #[error("{name:?} has no console now: it is {condition}, and its driver, which makes the console, is not loaded")]
    NoConsole {
        /// Its name.
        name: String,
        /// How it is.
        condition: Condition,
    },
    /// It cannot be attached to, for a reason that this program does not know.
    #[error("cannot attach to the console of {name:?} by {DEVICE}: {error}")]
    Attach {
        /// Its name.
        name: String,
        /// The driver's error.
        error: io::Error,
    },
    /// Somebody else uses it.
    #[error("somebody else has attached to the console of {0:?}; `sprig console {0}` takes it back")]
    TakenOver(String),
    /// Nothing more comes.
    #[error("{name:?} is {condition}, and nothing more comes from its console")]
    Ended {
        /// Its name.
        name: String,
        /// How it is.
        condition: Condition,
    },
    /// Reading or writing failed.
    #[error("the console of {name:?} is lost: {error}")]
    Lost {
        /// Its name.
        name: String,
        /// Why.
        error: io::Error,
    },
    /// Standard input or output failed.
    #[error("cannot use this terminal, or standard input or output: {0}")]
    Here(io::Error),
}

impl Console {
    /// Uses it.
    pub(crate) fn run(&self) -> Result<(), ConsoleError> {
        let partitions = Partitions::read()?;
        let index = partitions.index_of(&self.name)?;
        if index == partitions.own() {
            return Err(ConsoleError::Own(self.name.clone()));
        }
        let driver = Driver::open(Access::Look, partitions.all().len())?;
        let condition = || driver.snapshot().map(|snapshot| Condition::of(&snapshot.partitions[index], Heart::Beats));
        let Some(mut attached) = self.attach()? else {
            return Err(ConsoleError::NoConsole { name: self.name.clone(), condition: condition()? });
        };
        let input = Input::open().map_err(ConsoleError::Here)?;
        if input.is_terminal() {
            self.remark("Ctrl-] leaves");
        }
        while self.relay(attached, &input)? == Left::Ended {
            let now = condition()?;
            if !input.is_terminal() && !self.follow {
                return Err(ConsoleError::Ended { name: self.name.clone(), condition: now });
            }
            self.remark(&format!("{now}; waiting until it is started again"));
            match self.await_again(&input, || Ok(condition()? == Condition::Running))? {
                Some(again) => attached = again,
                None => break,
            }
            self.remark("started again");
        }
        let was_terminal = input.is_terminal();
        drop(input);
        if was_terminal {
            self.remark("left");
        }
        Ok(())
    }

    /// Attaches; `None` if there is no console.
    fn attach(&self) -> Result<Option<Attached>, ConsoleError> {
        let name = || self.name.clone();
        match Attached::new(&self.name) {
            Ok(attached) => Ok(Some(attached)),
            Err(error) => match Errno::from_io_error(&error) {
                Some(Errno::NXIO) => Ok(None),
                Some(Errno::NOENT | Errno::NODEV) => Err(ConsoleError::NoDevice),
                Some(Errno::LOOP) => Err(ConsoleError::Own(name())),
                Some(Errno::PERM | Errno::ACCESS) => Err(DriverError::Denied.into()),
                _ => Err(ConsoleError::Attach { name: name(), error }),
            },
        }
    }

    /// Shows and types until one of both ends.
    fn relay(&self, attached: Attached, input: &Input) -> Result<Left, ConsoleError> {
        let keys = if input.is_terminal() { Keys::Terminal } else { Keys::Bytes };
        let mut relay = Relay::new(attached, keys);
        let mut last = Instant::now();
        loop {
            let shown = relay.show(show).map_err(|error| self.lost(error))?;
            if shown > 0 {
                last = Instant::now();
            }
            if relay.takes_input() {
                relay.typed(input.read(PAUSE).map_err(ConsoleError::Here)?);
            } else {
                thread::sleep(PAUSE);
            }
            relay.type_in().map_err(|error| self.lost(error))?;
            match relay.end() {
                Some(End::Left) => return Ok(Left::ByUs),
                Some(End::Gone) => return Ok(Left::Ended),
                Some(End::TakenOver) => return Err(ConsoleError::TakenOver(self.name.clone())),
                None if relay.is_all_typed() && !self.follow && last.elapsed() >= QUIET => return Ok(Left::ByUs),
                None => {}
            }
        }
    }

    fn lost(&self, error: io::Error) -> ConsoleError {
        ConsoleError::Lost { name: self.name.clone(), error }
    }

    /// Waits until there is a console again; `None` if somebody leaves before.
    fn await_again(
        &self,
        input: &Input,
        runs: impl Fn() -> Result<bool, PageError>,
    ) -> Result<Option<Attached>, ConsoleError> {
        loop {
            if runs()?
                && let Some(attached) = self.attach()?
            {
                return Ok(Some(attached));
            }
            if !input.is_terminal() {
                thread::sleep(AWAY);
                continue;
            }
            match input.read(AWAY).map_err(ConsoleError::Here)? {
                Typed::End => return Ok(None),
                Typed::Bytes(bytes) if bytes.contains(&relay::LEAVE) => return Ok(None),
                Typed::Bytes(_) | Typed::Nothing => {}
            }
        }
    }

    /// Says something between what the console prints. A terminal in raw mode needs both characters to begin a line.
    fn remark(&self, text: &str) {
        note(&format!("\r\n[{}: {text}]\r", self.name));
    }
}

/// Why one is no longer attached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Left {
    /// As somebody has left, or all is done.
    ByUs,
    /// As the console is gone.
    Ended,
}

/// Shows what came, and what did not.
fn show(lost: u64, bytes: &[u8]) -> io::Result<Listener> {
    if lost > 0 {
        note(&format!("\r\n[{lost} bytes of output were lost]\r"));
    }
    output::write(bytes)
}
