//! Why an order is not given, or does not come to its end: one line that says what, where, and how to mend it.

use std::io;

use control::Cause;
use lifecycle::progress::Loss;
use lifecycle::verb::{Verb, done_with, word_of};
use rustix::io::Errno;

use crate::condition::Condition;
use crate::driver::{DEVICE, DriverError};
use crate::partitions::{Partitions, PartitionsError};
use crate::snapshot::{PageError, Words};

/// Why an order came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OrderError {
    /// The partitions are not known, or have none of that name.
    #[error(transparent)]
    Partitions(#[from] PartitionsError),
    /// The driver is not reached.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The control page is not one that this program knows.
    #[error(transparent)]
    Page(#[from] PageError),
    /// It is for the partition that this runs in.
    #[error("{name:?} is the partition that this runs in; {way}")]
    Own {
        /// Its name.
        name: String,
        /// What to do instead.
        way: &'static str,
    },
    /// What is to be started is up.
    #[error("{name:?} is {condition}; use sprig restart {name}")]
    Up {
        /// Its name.
        name: String,
        /// How it is.
        condition: Condition,
    },
    /// An order is pending.
    #[error("{name:?} has yet to {pending}, as {asker} has asked; try again when `sprig status` shows that it has")]
    Pending {
        /// Its name.
        name: String,
        /// What it has to do.
        pending: &'static str,
        /// Who has asked for that.
        asker: String,
    },
    /// An order was pending, and is no more.
    #[error("{0:?} had another order to carry out, which is done by now; try again")]
    WasPending(String),
    /// Somebody has it to himself.
    #[error("{name:?} is being {purpose} by {holder}; try again when that is done")]
    Held {
        /// Its name.
        name: String,
        /// What is done with it.
        purpose: &'static str,
        /// Who does it.
        holder: String,
    },
    /// Somebody had it to himself, and has no more.
    #[error("somebody had {0:?} to himself until now; try again")]
    WasHeld(String),
    /// It cannot be fetched.
    #[error(
        "{0:?} has the machine's boot processor, its driver is not loaded, and the firmware is no BIOS: nothing reaches it, and \
         only a reset of the machine brings it back"
    )]
    OutOfReach(String),
    /// Cores have not come.
    #[error("not all cores of {0:?} have come; `dmesg | grep sprig_vni` names those that have not; try again")]
    CoresSilent(String),
    /// The driver does not understand it.
    #[error("the driver does not understand {0:?}: load the driver that belongs to this program")]
    NotUnderstood(String),
    /// The driver has refused it for a reason that this program does not know.
    #[error("cannot write {line:?} to {DEVICE}: {error}")]
    Refused {
        /// What was written.
        line: String,
        /// The driver's error.
        error: io::Error,
    },
    /// The resident part could not carry it out.
    #[error("{name:?} has failed: {why}")]
    Failed {
        /// Its name.
        name: String,
        /// Why, and what to do.
        why: String,
    },
    /// The kernel ended while it was waited for.
    #[error("{name:?} ended before its driver was loaded ({condition}); `sprig log {name}` shows why")]
    Ended {
        /// Its name.
        name: String,
        /// How it is.
        condition: Condition,
    },
    /// A later order does the opposite.
    #[error("{name:?} was asked to {word} meanwhile, by {asker}")]
    Replaced {
        /// Its name.
        name: String,
        /// What it was asked to do.
        word: &'static str,
        /// Who has asked.
        asker: String,
    },
    /// The waiting has reached its limit.
    #[error("{name:?} is {condition} after {seconds} s; {hint}")]
    TimedOut {
        /// Its name.
        name: String,
        /// How it is.
        condition: Condition,
        /// The limit.
        seconds: u32,
        /// What may be seen of it.
        hint: String,
    },
    /// Another kernel does not get there.
    #[error(transparent)]
    Images(#[from] super::images::ImagesError),
    /// It was started while its images were being changed.
    #[error("{0:?} was started meanwhile by somebody else; try again")]
    NotStopped(String),
    /// Standard output cannot be written to.
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

/// The error that a verb is not for the own partition.
pub(super) fn own(name: &str, verb: Verb) -> OrderError {
    let way = match verb {
        Verb::Start => "it is running",
        Verb::Stop => "use poweroff",
        Verb::Restart => "use reboot",
    };
    OrderError::Own { name: name.to_owned(), way }
}

/// An order as it is given to the driver.
pub(super) struct Ordered<'a> {
    /// All partitions.
    pub(super) partitions: &'a Partitions,
    /// The one that it is for.
    pub(super) name: &'a str,
    /// The driver's word for it.
    pub(super) word: &'static str,
}

impl Ordered<'_> {
    /// What is written to the driver's device.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.word, self.name)
    }

    /// What the driver's refusal means, where the page says this of the partition.
    pub(super) fn error(&self, refusal: io::Error, words: &Words) -> OrderError {
        let name = self.name.to_owned();
        match Errno::from_io_error(&refusal) {
            Some(Errno::NOENT) => self.partitions.unknown(self.name).into(),
            Some(Errno::LOOP) => OrderError::Own { name, way: "use poweroff or reboot" },
            Some(Errno::BUSY) => self.pending(words),
            Some(Errno::USERS) => self.held(words),
            Some(Errno::STALE) => OrderError::WasHeld(name),
            Some(Errno::OPNOTSUPP) => OrderError::OutOfReach(name),
            Some(Errno::AGAIN) => OrderError::NotStopped(name),
            Some(Errno::TIMEDOUT) => OrderError::CoresSilent(name),
            Some(Errno::INVAL) => OrderError::NotUnderstood(self.line()),
            Some(Errno::PERM | Errno::ACCESS) => DriverError::Denied.into(),
            _ => OrderError::Refused { line: self.line(), error: refusal },
        }
    }

    fn pending(&self, words: &Words) -> OrderError {
        let name = self.name.to_owned();
        match words.pending() {
            Some(order) => OrderError::Pending { name, pending: word_of(order.command), asker: self.asker(words) },
            None => OrderError::WasPending(name),
        }
    }

    fn held(&self, words: &Words) -> OrderError {
        let name = self.name.to_owned();
        let Some(lease) = words.lease else { return OrderError::WasHeld(name) };
        let purpose = done_with(lease.purpose);
        let holder = self.partitions.name_of(lease.holder.into()).unwrap_or_else(|| "somebody".to_owned());
        OrderError::Held { name, purpose, holder }
    }

    /// Why the order does not come to its end.
    pub(super) fn lost(&self, loss: Loss, words: &Words) -> OrderError {
        let name = self.name.to_owned();
        match loss {
            Loss::Failed(cause) => OrderError::Failed { name, why: self.why_failed(cause) },
            Loss::Ended(cause) => OrderError::Ended { name, condition: Condition::ended(cause) },
            Loss::Replaced(command) => OrderError::Replaced { name, word: word_of(command), asker: self.asker(words) },
        }
    }

    fn why_failed(&self, cause: Cause) -> String {
        match cause {
            Cause::CoreSilent => format!("not all of its cores came; try again with sprig {}", self.line()),
            Cause::BadList => {
                "what it is loaded from is damaged, and only a reset of the machine mends that".to_owned()
            }
            _ => "the resident part does not say why".to_owned(),
        }
    }

    /// The order is open after so many seconds.
    pub(super) fn timed_out(&self, seconds: u32, words: &Words) -> OrderError {
        let condition = Condition::of(words, None);
        let hint = match condition {
            Condition::Starting if words.pending().is_none() => {
                format!("its driver is not loaded yet, and `sprig log {}` shows how far it is", self.name)
            }
            _ => "`sprig status --watch` shows when that changes".to_owned(),
        };
        OrderError::TimedOut { name: self.name.to_owned(), condition, seconds, hint }
    }

    fn asker(&self, words: &Words) -> String {
        words.asked_by(|asker| self.partitions.name_of(asker)).unwrap_or_else(|| "the boot image".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use control::{Command, State, Status};

    use super::*;
    use crate::snapshot::sample::running;

    fn with<T>(test: impl FnOnce(Ordered<'_>) -> T) -> T {
        let partitions = Partitions::parse("0 web 0x400000-0x5fffff\n1 db 0x600000-0x7fffff\n", "0").unwrap();
        test(Ordered { partitions: &partitions, name: "db", word: "stop" })
    }

    fn error(errno: Errno, words: &Words) -> String {
        with(|ordered| ordered.error(errno.into(), words).to_string())
    }

    fn pending(command: Command, asker: Option<usize>) -> Words {
        Words { wanted: running().done.then(command), asker, ..running() }
    }

    #[test]
    fn each_error_of_the_driver_is_explained() {
        for (errno, expected) in [
            (Errno::NOENT, "there is no partition \"db\"; there are web, db"),
            (Errno::LOOP, "\"db\" is the partition that this runs in; use poweroff or reboot"),
            (Errno::BUSY, "\"db\" had another order to carry out, which is done by now; try again"),
            (Errno::OPNOTSUPP, "\"db\" has the machine's boot processor, its driver is not loaded, "),
            (Errno::TIMEDOUT, "not all cores of \"db\" have come; "),
            (Errno::INVAL, "the driver does not understand \"stop db\": "),
            (Errno::PERM, "only root may open /dev/sprig: run this as root"),
            (Errno::NODEV, "cannot write \"stop db\" to /dev/sprig: No such device"),
        ] {
            let error = error(errno, &running());
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_pending_order_is_named_with_its_asker() {
        let stopping = error(Errno::BUSY, &pending(Command::Stop, Some(0)));
        assert!(stopping.starts_with("\"db\" has yet to stop, as web has asked; "), "{stopping}");
        let starting = error(Errno::BUSY, &pending(Command::Enter, None));
        assert!(starting.starts_with("\"db\" has yet to start, as the boot image has asked; "), "{starting}");
    }

    #[test]
    fn what_ends_the_waiting_is_explained() {
        let lost = |loss| with(|ordered| ordered.lost(loss, &pending(Command::Start, Some(0))).to_string());
        assert_eq!(
            lost(Loss::Failed(Cause::CoreSilent)),
            "\"db\" has failed: not all of its cores came; try again with sprig stop db"
        );
        assert!(lost(Loss::Failed(Cause::BadList)).contains("is damaged"));
        assert_eq!(
            lost(Loss::Ended(Cause::Panic)),
            "\"db\" ended before its driver was loaded (panicked); `sprig log db` shows why"
        );
        assert_eq!(lost(Loss::Replaced(Command::Start)), "\"db\" was asked to start meanwhile, by web");
    }

    #[test]
    fn a_timeout_says_how_far_it_is() {
        let timed_out = |words: Words| with(|ordered| ordered.timed_out(60, &words).to_string());
        let starting = Words { status: Status { state: State::Starting, cause: Cause::Asked }, ..running() };
        let expected =
            "\"db\" is starting after 60 s; its driver is not loaded yet, and `sprig log db` shows how far it is";
        assert_eq!(timed_out(starting), expected);
        assert!(timed_out(pending(Command::Stop, Some(0))).starts_with("\"db\" is stopping after 60 s; "));
    }
}
