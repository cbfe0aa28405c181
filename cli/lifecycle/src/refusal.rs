//! Why an order is not given, or does not come to its end, as both commands say it: one line that says what, where, and how
//! to mend it.

use control::{Cause, Lease, Order};

use crate::condition::{Condition, Heart};
use crate::progress::Loss;
use crate::snapshot::Words;
use crate::verb::{done_with, word_of};

/// Who has started what nobody else has asked for.
const BOOT_IMAGE: &str = "the boot image";
/// Who holds a lease where the page names no partition.
const SOMEBODY: &str = "somebody";

/// No partition has that name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no partition {name:?}; there are {}", there.join(", "))]
pub struct Unknown {
    /// The name that was given.
    pub name: String,
    /// All names.
    pub there: Vec<String>,
}

/// Why an order to a partition that there is comes to nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
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
    /// It cannot be fetched.
    #[error(
        "{name:?} has the machine's boot processor, its driver is not loaded, and the firmware is no BIOS: nothing reaches \
         it{way}"
    )]
    OutOfReach {
        /// Its name.
        name: String,
        /// What is left to do.
        way: &'static str,
    },
    /// The resident part could not carry it out.
    #[error("{name:?} has failed: {why}")]
    Failed {
        /// Its name.
        name: String,
        /// Why, and what to do.
        why: &'static str,
    },
    /// The kernel ended while it was waited for.
    #[error("{name:?} ended before its driver was loaded ({condition}); {witness} shows why")]
    Ended {
        /// Its name.
        name: String,
        /// How it is.
        condition: Condition,
        /// Where its last words are.
        witness: String,
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
}

/// Where an order is given. By this differs what can be done where one comes to nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In another partition of the box.
    Instance,
    /// On the host of an emulated machine, where people see the consoles and may end the box.
    Host,
}

impl Place {
    fn way_out_of_reach(self) -> &'static str {
        match self {
            Self::Instance => ", and only a reset of the machine brings it back",
            Self::Host => "; wait until it has loaded the driver, or end the box",
        }
    }

    fn why_failed(self, cause: Cause) -> &'static str {
        match (cause, self) {
            (Cause::CoreSilent, _) => "not all of its cores came; try again",
            (Cause::BadList, Self::Instance) => {
                "what it is loaded from is damaged, and only a reset of the machine mends that"
            }
            (Cause::BadList, Self::Host) => "what it is loaded from is damaged: end the box, and run it again",
            _ => "the resident part does not say why",
        }
    }

    fn witness(self, name: &str) -> String {
        match self {
            Self::Instance => format!("`sprig log {name}`"),
            Self::Host => "its console".to_owned(),
        }
    }
}

/// The partition that an order is for, as whoever gives it knows it.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Its name.
    pub name: &'a str,
    /// The names of all partitions, by their indices.
    pub name_of: &'a dyn Fn(usize) -> Option<String>,
    /// Where the order is given.
    pub place: Place,
}

impl Subject<'_> {
    /// It is up, and to be started.
    pub fn up(&self, condition: Condition) -> Refusal {
        Refusal::Up { name: self.name.to_owned(), condition }
    }

    /// It has that order to carry out.
    pub fn pending(&self, order: Order, words: &Words) -> Refusal {
        Refusal::Pending { name: self.name.to_owned(), pending: word_of(order.command), asker: self.asker(words) }
    }

    /// Somebody has it to himself.
    pub fn held(&self, lease: Lease) -> Refusal {
        let holder = (self.name_of)(lease.holder.into()).unwrap_or_else(|| SOMEBODY.to_owned());
        Refusal::Held { name: self.name.to_owned(), purpose: done_with(lease.purpose), holder }
    }

    /// Nothing fetches its cores.
    pub fn out_of_reach(&self) -> Refusal {
        Refusal::OutOfReach { name: self.name.to_owned(), way: self.place.way_out_of_reach() }
    }

    /// The order does not come to its end.
    pub fn lost(&self, loss: Loss, words: &Words) -> Refusal {
        let name = self.name.to_owned();
        match loss {
            Loss::Failed(cause) => Refusal::Failed { name, why: self.place.why_failed(cause) },
            Loss::Ended(cause) => {
                Refusal::Ended { name, condition: Condition::ended(cause), witness: self.place.witness(self.name) }
            }
            Loss::Replaced(command) => Refusal::Replaced { name, word: word_of(command), asker: self.asker(words) },
        }
    }

    /// The order is open after so many seconds.
    pub fn timed_out(&self, seconds: u32, words: &Words) -> Refusal {
        let condition = Condition::of(words, Heart::Beats);
        let hint = match condition {
            Condition::Starting if words.pending().is_none() => {
                format!("its driver is not loaded yet, and {} shows how far it is", self.place.witness(self.name))
            }
            _ => "`sprig status --watch` shows when that changes".to_owned(),
        };
        Refusal::TimedOut { name: self.name.to_owned(), condition, seconds, hint }
    }

    fn asker(&self, words: &Words) -> String {
        words.asked_by(self.name_of).unwrap_or_else(|| BOOT_IMAGE.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use control::{Command, Purpose, State, Status};

    use super::*;
    use crate::snapshot::sample::running;

    fn from(place: Place) -> Subject<'static> {
        Subject { name: "db", name_of: &|index| (index == 0).then(|| "web".to_owned()), place }
    }

    fn asked_for(command: Command, asker: Option<usize>) -> Words {
        Words { wanted: running().done.then(command), asker, ..running() }
    }

    fn pending(words: &Words) -> String {
        from(Place::Instance).pending(words.pending().unwrap(), words).to_string()
    }

    #[test]
    fn a_pending_order_is_named_with_its_asker() {
        assert_eq!(
            pending(&asked_for(Command::Stop, Some(0))),
            "\"db\" has yet to stop, as web has asked; try again when `sprig status` shows that it has"
        );
        let entering = pending(&asked_for(Command::Enter, None));
        assert!(entering.starts_with("\"db\" has yet to start, as the boot image has asked; "), "{entering}");
        let by_host = pending(&Words { is_by_host: true, ..asked_for(Command::Start, Some(0)) });
        assert!(by_host.starts_with("\"db\" has yet to start, as the host has asked; "), "{by_host}");
    }

    #[test]
    fn who_has_it_to_himself_is_named_with_what_he_does() {
        let held = |holder, purpose| from(Place::Host).held(Lease { holder, purpose, until_ms: 1 }).to_string();
        assert_eq!(held(0, Purpose::Freeze), "\"db\" is being dumped by web; try again when that is done");
        let unknown = held(9, Purpose::Load);
        assert!(unknown.starts_with("\"db\" is being given another kernel by somebody; "), "{unknown}");
    }

    #[test]
    fn what_is_left_to_do_differs_by_the_place() {
        let out_of_reach = |place| from(place).out_of_reach().to_string();
        assert!(out_of_reach(Place::Instance).ends_with("reaches it, and only a reset of the machine brings it back"));
        assert!(out_of_reach(Place::Host).ends_with("it; wait until it has loaded the driver, or end the box"));
        let lost = |place, loss| from(place).lost(loss, &running()).to_string();
        let silent = Loss::Failed(Cause::CoreSilent);
        assert_eq!(lost(Place::Instance, silent), "\"db\" has failed: not all of its cores came; try again");
        assert_eq!(lost(Place::Host, silent), lost(Place::Instance, silent));
        let bad = Loss::Failed(Cause::BadList);
        assert!(lost(Place::Instance, bad).ends_with("is damaged, and only a reset of the machine mends that"));
        assert!(lost(Place::Host, bad).ends_with("is damaged: end the box, and run it again"));
        let ended = Loss::Ended(Cause::Panic);
        assert_eq!(
            lost(Place::Instance, ended),
            "\"db\" ended before its driver was loaded (panicked); `sprig log db` shows why"
        );
        assert!(lost(Place::Host, ended).ends_with("(panicked); its console shows why"));
    }

    #[test]
    fn who_asked_for_the_opposite_is_named() {
        let refusal = from(Place::Instance).lost(Loss::Replaced(Command::Start), &asked_for(Command::Start, Some(0)));
        assert_eq!(refusal.to_string(), "\"db\" was asked to start meanwhile, by web");
    }

    #[test]
    fn a_timeout_says_how_far_it_is() {
        let timed_out = |place, words| from(place).timed_out(60, &words).to_string();
        let starting = Words { status: Status { state: State::Starting, cause: Cause::Asked }, ..running() };
        assert_eq!(
            timed_out(Place::Instance, starting),
            "\"db\" is starting after 60 s; its driver is not loaded yet, and `sprig log db` shows how far it is"
        );
        assert!(timed_out(Place::Host, starting).ends_with("and its console shows how far it is"));
        let stopping = timed_out(Place::Host, asked_for(Command::Stop, Some(0)));
        assert_eq!(stopping, "\"db\" is stopping after 60 s; `sprig status --watch` shows when that changes");
    }
}
