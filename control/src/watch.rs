//! How an instance watches another by its [`Policy`](crate::Policy): what it sees a few times a second, and what it does then.
//!
//! Every instance with the driver watches all others. That one of them acts, and only one, is the doing of the order's
//! exchange: each asks in place of the order that was carried out when it looked. Who comes late finds another there.
//!
//! ```text
//!              panic, 1 s                     ┌────────────────┐
//!   running ──────────────────────────────────▶                │ order given by
//!      │       exit, and all cores have left  │  the reaction  │ whoever is first
//!      │       or 10 s                        │  of the policy ├──────────────────▶ pending
//!      │       no heartbeat, and no tick of   │                │                      │
//!      └──────────────────────────────────────▶                │   no core comes for 15 s: its asker is dead,
//!              its clock for 20 s             └────────────────┘◀──────────────────────┘ and another one asks
//! ```
//!
//! A kernel that is silent is asked by an NMI whether its clock still goes ([`Step::Probe`]). One that is only busy answers
//! with another time each time, and is left alone; one that hangs with interrupts off answers with the same, or not at all.
//! Time is counted in looks: an instance that was itself held up has not looked meanwhile, and draws no conclusion from
//! it.

use core::sync::atomic::Ordering;

use crate::{Cause, Command, ControlPage, Order, Partition, Pending, Reaction, State};

/// Looks in a second.
pub const LOOKS_PER_SECOND: u32 = 5;

/// A panicked kernel may have last words.
const PANIC_LOOKS: u32 = LOOKS_PER_SECOND;
/// Devices are shut down before a kernel halts.
const EXIT_LOOKS: u32 = 10 * LOOKS_PER_SECOND;
/// A silent kernel is asked first after so long, and then again and again.
const PROBE_LOOKS: u32 = 4 * LOOKS_PER_SECOND;
/// Without a heartbeat, and with a clock that stands still, it hangs.
const HANG_LOOKS: u32 = 20 * LOOKS_PER_SECOND;
/// So often one gives an order anew that nobody carries out.
const MOST_HELP: u32 = 3;
/// Longer than a person waits who has found an order pending.
const PENDING_LOOKS: u32 = 15 * LOOKS_PER_SECOND;

/// What is known of another partition from earlier looks.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(C)]
pub struct Watch {
    /// What was seen last: the order that was wanted, and the status.
    wanted: u64,
    status: u64,
    /// The last answer to a probe.
    pulse: u64,
    /// So many looks in a row have shown the same.
    looks: u32,
    /// So many looks in a row without a heartbeat, or since its clock was last seen to go.
    silent: u32,
    /// So many times in a row somebody's pending order was given anew.
    helped: u32,
}

/// What one look has to go by, beside the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sight {
    /// Its heartbeat has stopped, as the link to it shows.
    pub is_stalled: bool,
    /// Its cores can be fetched.
    pub is_in_reach: bool,
    /// Now, in milliseconds of whatever clock all instances share.
    pub now_ms: u64,
}

/// What is to be done now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Nothing.
    None,
    /// Send its boot core an NMI, so that it [answers](Partition::answer).
    Probe,
    /// This order was given: fetch its cores.
    Fetch(Order),
}

impl Watch {
    /// Looks at a partition, on behalf of the partition `own`.
    pub fn look(&mut self, page: &ControlPage, index: usize, own: usize, sight: Sight) -> Step {
        let Some(partition) = page.partition(index) else { return Step::None };
        // In this order: whoever asks in place of `done` then knows that it was this life of the partition that he has seen.
        let done = partition.done();
        let status = partition.status();
        let wanted = partition.wanted();
        // Whoever has it to himself looks after it, and it stands still because he wants it to.
        if partition.lease(sight.now_ms).is_some() {
            *self = Self::default();
            return Step::None;
        }
        self.count(wanted.word(), status.word());
        if wanted != done {
            return self.help(page, index, own, wanted, sight);
        }
        self.helped = 0;
        let policy = partition.policy();
        let reaction = match (status.state, status.cause) {
            (State::Ended, Cause::Panic) if self.looks >= PANIC_LOOKS => policy.on_panic,
            (State::Ended, Cause::Halt | Cause::PowerOff)
                if self.looks >= EXIT_LOOKS || self.looks > 0 && page.all_arrived(index) =>
            {
                policy.on_exit
            }
            (State::Running, _) if policy.on_hang != Reaction::Keep => return self.listen(partition, own, done, sight),
            _ => Reaction::Keep,
        };
        react(partition, own, done, reaction, sight)
    }

    fn count(&mut self, wanted: u64, status: u64) {
        let is_same = (self.wanted, self.status) == (wanted, status);
        let looks = if is_same { self.looks.saturating_add(1) } else { 0 };
        *self = Self { wanted, status, looks, silent: if is_same { self.silent } else { 0 }, ..*self };
    }

    /// An order is pending: if its asker has died before he fetched the boot core, somebody must. A core that does not come
    /// to others either is left alone.
    fn help(&mut self, page: &ControlPage, index: usize, own: usize, wanted: Order, sight: Sight) -> Step {
        let partition = &page.partitions[index];
        let is_at_work = page.has_answered(partition.boot_core(), wanted);
        let is_due = self.looks >= PENDING_LOOKS && self.helped < MOST_HELP;
        if !partition.policy().is_active() || is_at_work || !is_due || !sight.is_in_reach {
            return Step::None;
        }
        self.helped += 1;
        let command = if wanted.command == Command::Stop { Command::Stop } else { Command::Start };
        partition.help(Pending(wanted), command, own).map_or(Step::None, Step::Fetch)
    }

    /// Of one that says it runs.
    fn listen(&mut self, partition: &Partition, own: usize, done: Order, sight: Sight) -> Step {
        if !sight.is_stalled {
            self.silent = 0;
            return Step::None;
        }
        self.silent += 1;
        // The first answer differs from that of an earlier silence, if there was one: it comes while nothing is concluded yet.
        let pulse = partition.pulse();
        if pulse != self.pulse {
            (self.pulse, self.silent) = (pulse, self.silent.min(PROBE_LOOKS));
        }
        if self.silent >= HANG_LOOKS {
            let step = react(partition, own, done, partition.policy().on_hang, sight);
            if step != Step::None {
                return step;
            }
        }
        let is_due = self.silent >= PROBE_LOOKS && self.silent.is_multiple_of(LOOKS_PER_SECOND);
        if !is_due {
            return Step::None;
        }
        partition.probe();
        Step::Probe
    }
}

/// Asks for what the policy says, if nobody else has yet.
fn react(partition: &Partition, own: usize, done: Order, reaction: Reaction, sight: Sight) -> Step {
    let command = match reaction {
        Reaction::Keep => return Step::None,
        Reaction::Stop => Command::Stop,
        Reaction::Restart => Command::Start,
    };
    if !sight.is_in_reach {
        return Step::None;
    }
    if command == Command::Start && !partition.may_restart(sight.now_ms) {
        partition.give_up();
        return Step::None;
    }
    let order = partition.ask_after(done, command, own);
    if order.is_some() && command == Command::Start {
        partition.count_restart(sight.now_ms);
    }
    order.map_or(Step::None, Step::Fetch)
}

/// The question whether its kernel's clock still goes.
impl Partition {
    /// What its kernel's clock was when that was last asked for it.
    fn pulse(&self) -> u64 {
        self.pulse.load(Ordering::Relaxed)
    }

    /// Is about to ask its kernel for its clock.
    fn probe(&self) {
        self.probe.store(1, Ordering::Release);
    }

    /// Its kernel answers, if it was asked; returns whether it was.
    pub fn answer(&self, clock: u64) -> bool {
        let was_asked = self.probe.swap(0, Ordering::Acquire) != 0;
        if was_asked {
            self.pulse.store(clock, Ordering::Relaxed);
        }
        was_asked
    }
}
