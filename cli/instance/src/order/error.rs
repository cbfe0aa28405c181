//! Why an order is not given, or does not come to its end: what only this command says, beside [`lifecycle::refusal`].

use std::io;

use lifecycle::progress::Loss;
use lifecycle::refusal::{Place, Refusal, Subject};
use lifecycle::verb::Verb;
use rustix::io::Errno;

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
    /// It is refused, or lost, as it would be from the host.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// An order was pending, and is no more.
    #[error("{0:?} had another order to carry out, which is done by now; try again")]
    WasPending(String),
    /// Somebody had it to himself, and has no more.
    #[error("somebody had {0:?} to himself until now; try again")]
    WasHeld(String),
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
            Some(Errno::OPNOTSUPP) => self.explain(|subject| subject.out_of_reach()),
            Some(Errno::AGAIN) => OrderError::NotStopped(name),
            Some(Errno::TIMEDOUT) => OrderError::CoresSilent(name),
            Some(Errno::INVAL) => OrderError::NotUnderstood(self.line()),
            Some(Errno::PERM | Errno::ACCESS) => DriverError::Denied.into(),
            _ => OrderError::Refused { line: self.line(), error: refusal },
        }
    }

    fn pending(&self, words: &Words) -> OrderError {
        let Some(order) = words.pending() else { return OrderError::WasPending(self.name.to_owned()) };
        self.explain(|subject| subject.pending(order, words))
    }

    fn held(&self, words: &Words) -> OrderError {
        let Some(lease) = words.lease else { return OrderError::WasHeld(self.name.to_owned()) };
        self.explain(|subject| subject.held(lease))
    }

    /// Why the order does not come to its end.
    pub(super) fn lost(&self, loss: Loss, words: &Words) -> OrderError {
        self.explain(|subject| subject.lost(loss, words))
    }

    /// The order is open after so many seconds.
    pub(super) fn timed_out(&self, seconds: u32, words: &Words) -> OrderError {
        self.explain(|subject| subject.timed_out(seconds, words))
    }

    /// What the commands say alike, seen from an instance.
    pub(super) fn explain(&self, why: impl FnOnce(&Subject<'_>) -> Refusal) -> OrderError {
        let name_of = |index| self.partitions.name_of(index);
        why(&Subject { name: self.name, name_of: &name_of, place: Place::Instance }).into()
    }
}

#[cfg(test)]
mod tests {
    use control::{Command, Lease, Purpose};

    use super::*;
    use crate::snapshot::sample::running;

    fn with<T>(test: impl FnOnce(Ordered<'_>) -> T) -> T {
        let partitions = Partitions::parse("0 web 0x400000-0x5fffff\n1 db 0x600000-0x7fffff\n", "0").unwrap();
        test(Ordered { partitions: &partitions, name: "db", word: "stop" })
    }

    fn error(errno: Errno, words: &Words) -> String {
        with(|ordered| ordered.error(errno.into(), words).to_string())
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
    fn what_is_pending_or_held_is_named_by_the_page() {
        let stopping = Words { wanted: running().done.then(Command::Stop), asker: Some(0), ..running() };
        let pending = error(Errno::BUSY, &stopping);
        assert!(pending.starts_with("\"db\" has yet to stop, as web has asked; "), "{pending}");
        let lease = Some(Lease { holder: 0, purpose: Purpose::Freeze, until_ms: 1 });
        let held = error(Errno::USERS, &Words { lease, ..running() });
        assert_eq!(held, "\"db\" is being dumped by web; try again when that is done");
        let was_held = error(Errno::USERS, &running());
        assert_eq!(was_held, "somebody had \"db\" to himself until now; try again");
    }
}
