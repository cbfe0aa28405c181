//! Orders of the host to a partition: given in the control page, and brought to the partition's cores by NMIs.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use control::{Cause, LEASE_MS, Lease, Order, Pending};
use emulator::qemu::NmiError;
use lifecycle::condition::Condition;
use lifecycle::progress::{Loss, Progress, progress};
use lifecycle::snapshot::{PageError, Words};
use lifecycle::verb::{Need, Verb, done_with, word_of};

use super::LiveBox;

/// After this an order that is pending is taken for one whose asker, or whose partition, has died.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long the partition's boot core may take to come. Once it has, the order is its own affair.
pub(super) const ARRIVAL: Duration = Duration::from_secs(20);
/// From one NMI to the next: at first, and when the partition has not come by then. A kernel without the driver logs each.
const NMI_PAUSE: Duration = Duration::from_millis(200);
const LATER_NMI_PAUSE: Duration = Duration::from_secs(2);
/// After this another instance is asked to fetch the cores, and after that another one again.
const OWN_TIME: Duration = Duration::from_secs(1);
const HAND_TIME: Duration = Duration::from_secs(5);
/// Pause between two looks at the page.
const PAUSE: Duration = Duration::from_millis(10);

/// Why an order comes to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum OrderError {
    /// The control page is not one that this program knows.
    #[error(transparent)]
    Page(#[from] PageError),
    /// No partition has that name.
    #[error("there is no partition {name:?}; there are {}", there.join(", "))]
    Unknown {
        /// The name that was given.
        name: String,
        /// All names.
        there: Vec<String>,
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
        "{0:?} has the machine's boot processor, its driver is not loaded, and the firmware is no BIOS: nothing reaches it; wait \
         until it has loaded the driver, or end the box"
    )]
    OutOfReach(String),
    /// Its boot core has not come.
    #[error(
        "{name:?} does not come within {} s: its kernel takes no NMI, and no other partition with the driver loaded has \
         fetched it; load the driver in it or in another one: it will {pending} then, or try again",
        ARRIVAL.as_secs()
    )]
    Silent {
        /// Its name.
        name: String,
        /// What it has to do.
        pending: &'static str,
    },
    /// The machine takes no NMI.
    #[error("cannot send an NMI: {0}")]
    Nmi(#[from] NmiError),
    /// The resident part could not carry it out.
    #[error("{name:?} has failed: {why}")]
    Failed {
        /// Its name.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// The kernel ended while it was waited for.
    #[error("{name:?} ended before its driver was loaded ({condition}); its console shows why")]
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
    #[error("{name:?} is {condition} after {seconds} s; its console shows how far it is")]
    TimedOut {
        /// Its name.
        name: String,
        /// How it is.
        condition: Condition,
        /// The limit.
        seconds: u32,
    },
}

impl LiveBox {
    /// Gives an order, and waits until the partition's cores have come, or so many seconds until the order has led where it
    /// is to. Returns a line that says so.
    pub(super) fn order(&self, verb: Verb, name: &str, wait: Option<u32>) -> Result<String, OrderError> {
        let index = self.index_of(name)?;
        match verb.need(&self.words(index)?) {
            Need::Nothing => return Ok(format!("{name:?} is stopped already")),
            Need::Refused(condition) => return Err(OrderError::Up { name: name.to_owned(), condition }),
            Need::Order => {}
        }
        let target = Target { running: self, index, name, verb };
        let begun = Instant::now();
        let order = target.give()?;
        target.fetch(order)?;
        match wait {
            None => Ok(format!("{name:?} was asked to {}", verb.name())),
            Some(seconds) => target.wait_for(order, begun, seconds),
        }
    }

    fn index_of(&self, name: &str) -> Result<usize, OrderError> {
        let there = self.names();
        let index = there.iter().position(|partition| partition == name);
        index.ok_or(OrderError::Unknown { name: name.to_owned(), there })
    }

    fn words(&self, index: usize) -> Result<Words, PageError> {
        Ok(self.snapshot()?.partitions[index])
    }
}

/// A partition for which an order is.
struct Target<'a> {
    running: &'a LiveBox,
    index: usize,
    name: &'a str,
    verb: Verb,
}

impl Target<'_> {
    fn partition(&self) -> &control::Partition {
        &self.running.page().partitions[self.index]
    }

    /// Refuses one that somebody has to himself. The machine's clock is not known here: a lease that is not renewed for as
    /// long as one lasts has ended, and is taken away.
    fn check_lease(&self) -> Result<(), OrderError> {
        let of = &self.partition().lease;
        let first = of.load(Ordering::Acquire);
        let limit = Instant::now() + Duration::from_millis(LEASE_MS);
        loop {
            let word = of.load(Ordering::Acquire);
            match Lease::from_word(word) {
                None => return Ok(()),
                Some(lease) if word != first => return Err(self.held(lease)),
                Some(_) if Instant::now() < limit => thread::sleep(PAUSE),
                Some(_) => drop(of.compare_exchange(word, 0, Ordering::AcqRel, Ordering::Relaxed)),
            }
        }
    }

    fn held(&self, lease: Lease) -> OrderError {
        let holder = self.running.names().get(usize::from(lease.holder)).cloned();
        let purpose = done_with(lease.purpose);
        OrderError::Held {
            name: self.name.to_owned(),
            purpose,
            holder: holder.unwrap_or_else(|| "somebody".to_owned()),
        }
    }

    /// Waits for an order that is pending, and takes its place when its asker, or its partition, must have died.
    fn give(&self) -> Result<Order, OrderError> {
        let command = self.verb.command();
        let mut waits = None;
        loop {
            self.check_lease()?;
            if !self.running.page().is_in_reach(self.index) {
                return Err(OrderError::OutOfReach(self.name.to_owned()));
            }
            let pending = match self.partition().ask_by_host(command) {
                Ok(order) => return Ok(order),
                Err(Pending(pending)) => pending,
            };
            match waits {
                Some((order, limit)) if order == pending && Instant::now() >= limit => {
                    let given = self.partition().supersede_by_host(Pending(pending), command);
                    return given.or_else(|Pending(other)| Err(self.pending(other)?));
                }
                Some((order, _)) if order == pending => {}
                _ => waits = Some((pending, Instant::now() + PATIENCE)),
            }
            thread::sleep(PAUSE);
        }
    }

    /// Calls the partition's boot core until it has come, or somebody's later order is wanted.
    fn fetch(&self, order: Order) -> Result<(), OrderError> {
        let (page, partition) = (self.running.page(), self.partition());
        let begun = Instant::now();
        let (mut next_nmi, mut next_hand) = (begun, begun + OWN_TIME);
        while partition.is_open(order) && !page.has_answered(partition.boot_core(), order) {
            let now = Instant::now();
            if now >= begun + ARRIVAL {
                return Err(OrderError::Silent { name: self.name.to_owned(), pending: word_of(order.command) });
            }
            // Before the NMI by which the others learn of it.
            if now >= next_hand {
                partition.seek_hand(order);
                next_hand = now + HAND_TIME;
            }
            if now >= next_nmi {
                self.running.send_nmi()?;
                next_nmi = now + if now < begun + OWN_TIME { NMI_PAUSE } else { LATER_NMI_PAUSE };
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn wait_for(&self, order: Order, begun: Instant, seconds: u32) -> Result<String, OrderError> {
        let (goal, name) = (self.verb.goal(), self.name);
        let limit = begun + Duration::from_secs(seconds.into());
        let mut done = None;
        loop {
            let words = self.running.words(self.index)?;
            if done.is_none() && words.done.sequence >= order.sequence {
                done = Some(begun.elapsed());
            }
            let condition = Condition::of(&words, None);
            match progress(&words, order, goal) {
                Progress::Reached => {
                    let times = goal.times(done.unwrap_or_default(), begun.elapsed());
                    return Ok(format!("{name:?} is {condition}, {times}"));
                }
                Progress::Lost(loss) => return Err(self.lost(loss, &words)),
                Progress::Open if Instant::now() >= limit => {
                    return Err(OrderError::TimedOut { name: name.to_owned(), condition, seconds });
                }
                Progress::Open => thread::sleep(PAUSE),
            }
        }
    }

    fn asker(&self, words: &Words) -> String {
        let names = self.running.names();
        words.asked_by(|asker| names.get(asker).cloned()).unwrap_or_else(|| "the boot image".to_owned())
    }

    fn pending(&self, order: Order) -> Result<OrderError, PageError> {
        let asker = self.asker(&self.running.words(self.index)?);
        Ok(OrderError::Pending { name: self.name.to_owned(), pending: word_of(order.command), asker })
    }

    fn lost(&self, loss: Loss, words: &Words) -> OrderError {
        let name = self.name.to_owned();
        match loss {
            Loss::Failed(Cause::CoreSilent) => OrderError::Failed { name, why: "not all of its cores came; try again" },
            Loss::Failed(Cause::BadList) => {
                OrderError::Failed { name, why: "what it is loaded from is damaged: end the box, and run it again" }
            }
            Loss::Failed(_) => OrderError::Failed { name, why: "the resident part does not say why" },
            Loss::Ended(cause) => OrderError::Ended { name, condition: Condition::ended(cause) },
            Loss::Replaced(command) => OrderError::Replaced { name, word: word_of(command), asker: self.asker(words) },
        }
    }
}
