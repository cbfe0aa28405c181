//! Orders of the host to a partition: given in the control page, and brought to the partition's cores by NMIs.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use control::{LEASE_MS, Lease, Order, Pending};
use emulator::qemu::NmiError;
use lifecycle::progress::{Progress, progress};
use lifecycle::refusal::{Place, Refusal, Subject, Unknown};
use lifecycle::snapshot::{PageError, Words};
use lifecycle::verb::{Need, Verb, already_stopped, word_of};

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
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// It is refused, or lost, as it would be from an instance.
    #[error(transparent)]
    Refusal(#[from] Refusal),
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
}

impl LiveBox {
    /// Gives an order, and waits until the partition's cores have come, or so many seconds until the order has led where it
    /// is to. Returns a line that says so.
    pub(super) fn order(&self, verb: Verb, name: &str, wait: Option<u32>) -> Result<String, OrderError> {
        let index = self.index_of(name)?;
        let target = Target { running: self, index, name, verb };
        match verb.need(&self.words(index)?) {
            Need::Nothing => return Ok(already_stopped(name)),
            Need::Refused(condition) => return Err(target.refuse(|subject| subject.up(condition))),
            Need::Order => {}
        }
        let begun = Instant::now();
        let order = target.give()?;
        target.fetch(order)?;
        match wait {
            None => Ok(verb.asked(name)),
            Some(seconds) => target.wait_for(order, begun, seconds),
        }
    }

    fn index_of(&self, name: &str) -> Result<usize, OrderError> {
        let there = self.names();
        let index = there.iter().position(|partition| partition == name);
        Ok(index.ok_or(Unknown { name: name.to_owned(), there })?)
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
                Some(lease) if word != first => return Err(self.refuse(|subject| subject.held(lease))),
                Some(_) if Instant::now() < limit => thread::sleep(PAUSE),
                Some(_) => drop(of.compare_exchange(word, 0, Ordering::AcqRel, Ordering::Relaxed)),
            }
        }
    }

    /// Waits for an order that is pending, and takes its place when its asker, or its partition, must have died.
    fn give(&self) -> Result<Order, OrderError> {
        let command = self.verb.command();
        let mut waits = None;
        loop {
            self.check_lease()?;
            if !self.running.page().is_in_reach(self.index) {
                return Err(self.refuse(|subject| subject.out_of_reach()));
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
            match progress(&words, order, goal) {
                Progress::Reached => {
                    return Ok(goal.reached(name, &words, [done.unwrap_or_default(), begun.elapsed()]));
                }
                Progress::Lost(loss) => return Err(self.refuse(|subject| subject.lost(loss, &words))),
                Progress::Open if Instant::now() >= limit => {
                    return Err(self.refuse(|subject| subject.timed_out(seconds, &words)));
                }
                Progress::Open => thread::sleep(PAUSE),
            }
        }
    }

    fn pending(&self, order: Order) -> Result<OrderError, PageError> {
        let words = self.running.words(self.index)?;
        Ok(self.refuse(|subject| subject.pending(order, &words)))
    }

    /// What the commands say alike, seen from the host.
    fn refuse(&self, why: impl FnOnce(&Subject<'_>) -> Refusal) -> OrderError {
        let names = self.running.names();
        why(&Subject { name: self.name, name_of: &|index| names.get(index).cloned(), place: Place::Host }).into()
    }
}
