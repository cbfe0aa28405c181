//! Orders of the host: of an emulated machine's `sprig run`, which sees the page from outside.
//!
//! The host has no core in the machine, so it cannot fetch anybody's. It gives an order, and then sends an NMI to all
//! kernels at once, again and again until the partition's boot core has come ([`ControlPage::has_answered`]):
//!
//! 1. A kernel with the driver, whose partition is meant, leaves with all its cores.
//! 2. A boot core that waits in the resident part wakes up, and fetches those others that are not there.
//! 3. If neither answers, the host seeks a hand ([`Partition::seek_hand`]): one instance with the driver takes the order up
//!    ([`Partition::lend_hand`]), and fetches the cores as for an order of its own.
//!
//! The hand may die half way like any asker. The host then seeks another.

use core::sync::atomic::Ordering;

use crate::{Command, ControlPage, Order, Partition, Pending};

/// Of [`Partition::asker`]: the host has asked. Beside it the partition that lends it a hand, and 1.
pub const BY_HOST: u32 = 1 << 30;
/// Of [`Partition::asker`], beside [`BY_HOST`]: any instance may take the order up.
pub const SEEKS_HAND: u32 = 1 << 29;

impl ControlPage {
    /// The host is about to send an NMI to all kernels. They know by this whose it is.
    pub fn announce_host_nmi(&self) {
        self.header.host_nmis.fetch_add(1, Ordering::SeqCst);
    }

    /// How often the host has sent one.
    pub fn host_nmis(&self) -> u64 {
        self.header.host_nmis.load(Ordering::Acquire)
    }

    /// Whether the host can reach that partition at all. Not if it has the boot processor, and that takes no NMI: then no
    /// neighbour can fetch it either.
    pub fn is_in_reach(&self, partition: usize) -> bool {
        let boot_processor = self.boot_processor();
        // By a reset, a neighbour brings it.
        self.owner_of(boot_processor) != Some(partition) || self.comes_by_nmi(boot_processor) || self.has_warm_reset()
    }

    /// Whether the host seeks a hand for any partition.
    pub fn seeks_hand(&self) -> bool {
        (0..self.partitions.len()).map_while(|index| self.partition(index)).any(Partition::seeks_hand)
    }

    /// The APIC IDs of a partition's cores that are not in the resident part.
    pub fn absent(&self, partition: usize) -> impl Iterator<Item = u32> {
        let cores = (0_u32..).zip(&self.cores);
        let own = cores.filter(move |(core, _)| self.owner_of(*core) == Some(partition));
        own.filter(|(_, core)| core.arrived.load(Ordering::Acquire) == 0).map(|(id, _)| id)
    }
}

impl Partition {
    /// Gives an order on behalf of the host, unless one is pending. A person's order ends the count of restarts by policy.
    ///
    /// # Errors
    /// The order that is pending, also if somebody else was faster.
    pub fn ask_by_host(&self, command: Command) -> Result<Order, Pending> {
        let wanted = self.wanted();
        if wanted != self.done() {
            return Err(Pending(wanted));
        }
        self.supersede_by_host(Pending(wanted), command)
    }

    /// The same in place of one that has been pending for too long.
    ///
    /// # Errors
    /// The order that is pending, if it is another by now.
    pub fn supersede_by_host(&self, pending: Pending, command: Command) -> Result<Order, Pending> {
        let order = self.exchange(pending.0, command, BY_HOST)?;
        self.forgive();
        Ok(order)
    }

    /// Whether the host has asked last.
    pub fn is_by_host(&self) -> bool {
        self.asker.load(Ordering::Relaxed) & BY_HOST != 0
    }

    /// The host has had no answer: any instance may take its order up, also if one has before, and has died.
    pub fn seek_hand(&self, order: Order) {
        let asker = self.asker.load(Ordering::Relaxed);
        if asker & BY_HOST != 0 && self.is_open(order) {
            // Who loses here has another asker's order before him, or a hand that was faster.
            let _ = self.asker.compare_exchange(asker, BY_HOST | SEEKS_HAND, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    /// Whether the host seeks a hand.
    pub fn seeks_hand(&self) -> bool {
        self.asker.load(Ordering::Acquire) == BY_HOST | SEEKS_HAND
    }

    /// The partition `hand` takes up what the host has ordered. `None`: somebody else does, or nobody need.
    pub fn lend_hand(&self, hand: usize) -> Option<Order> {
        let taken = BY_HOST | (hand as u32 + 1);
        self.asker.compare_exchange(BY_HOST | SEEKS_HAND, taken, Ordering::AcqRel, Ordering::Relaxed).ok()?;
        // In this order: if another order is wanted by now, that one is fetched for, which anybody may do.
        Some(self.wanted()).filter(|order| self.is_open(*order))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{State, Status};

    #[test]
    fn an_order_of_the_host_is_asked_for_and_not_by_policy() {
        let partition = Partition::default();
        let order = partition.ask_by_host(Command::Start).unwrap();
        assert!(partition.is_by_host() && !partition.seeks_hand());
        assert_eq!(partition.reason(), crate::Cause::Asked);
        assert_eq!(partition.ask_by_host(Command::Stop), Err(Pending(order)));
        let stop = partition.supersede_by_host(Pending(order), Command::Stop).unwrap();
        assert_eq!((stop.command, partition.wanted()), (Command::Stop, stop));
    }

    #[test]
    fn of_all_hands_one_takes_the_order_up() {
        let partition = Partition::default();
        let order = partition.ask_by_host(Command::Start).unwrap();
        assert_eq!(partition.lend_hand(0), None, "the host seeks none yet");
        partition.seek_hand(order);
        assert_eq!(partition.lend_hand(2), Some(order));
        assert_eq!(partition.lend_hand(0), None);
        assert!(partition.is_by_host());
        partition.seek_hand(order);
        assert_eq!(partition.lend_hand(0), Some(order), "the first hand has died");
    }

    #[test]
    fn nobody_lends_a_hand_for_what_is_done_or_anothers() {
        let partition = Partition::default();
        let order = partition.ask_by_host(Command::Start).unwrap();
        partition.seek_hand(order);
        assert!(partition.finish(order, State::Starting, crate::Cause::Asked, 0));
        assert_eq!(partition.lend_hand(0), None);
        partition.ask(Command::Stop, 1).unwrap();
        partition.seek_hand(partition.wanted());
        assert!(!partition.seeks_hand() && !partition.is_by_host());
        assert_eq!(partition.status(), Status { state: State::Starting, cause: crate::Cause::Asked });
    }

    #[test]
    fn only_the_boot_processor_can_be_out_of_reach() {
        let page = ControlPage::default();
        page.header.partitions.store(2, Ordering::Relaxed);
        page.give(0, 0);
        page.give(1, 0);
        page.give(2, 1);
        assert!(!page.is_in_reach(0) && page.is_in_reach(1));
        page.open_gate(0, true);
        assert!(page.is_in_reach(0));
        page.open_gate(0, false);
        page.header.warm_reset.store(1, Ordering::Relaxed);
        assert!(page.is_in_reach(0));
        page.arrive(1);
        assert_eq!(page.absent(0).collect::<std::vec::Vec<_>>(), [0]);
    }
}
