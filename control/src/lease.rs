//! A lease: for a while somebody has a partition to himself, to look at its memory while it stands still, or to write
//! another kernel there.
//!
//! It ends by itself if it is not renewed, so whoever dies with one holds nobody up.

use core::sync::atomic::Ordering;

use crate::Partition;

/// How long a lease lasts that is not renewed, in milliseconds. Holders renew theirs every second.
pub const LEASE_MS: u64 = 10_000;

/// By how much the clocks of two cores may differ, in milliseconds, at the very most.
const SKEW_MS: u64 = 1000;

/// What somebody has a partition for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Purpose {
    /// Its cores stand still where they are, and go on afterwards.
    Freeze = 1,
    /// It is stopped, and gets another kernel.
    Load = 2,
}

impl Purpose {
    /// From a byte, whatever it holds.
    pub fn from_bits(bits: u8) -> Option<Self> {
        [Self::Freeze, Self::Load].into_iter().find(|purpose| *purpose as u8 == bits)
    }
}

/// Who has a partition to himself, in one word: `until << 16 | purpose << 8 | holder + 1`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lease {
    /// The index of the partition that holds it.
    pub holder: u8,
    /// What for.
    pub purpose: Purpose,
    /// Its end, in milliseconds of the page's clock.
    pub until_ms: u64,
}

impl Lease {
    /// From a word, whatever it holds.
    pub fn from_word(word: u64) -> Option<Self> {
        let [holder, purpose, ..] = word.to_le_bytes();
        Some(Self { holder: holder.checked_sub(1)?, purpose: Purpose::from_bits(purpose)?, until_ms: word >> 16 })
    }

    /// Whether it has not ended. One that would last longer than any is none: somebody has written what he likes.
    pub fn lasts(self, now_ms: u64) -> bool {
        self.until_ms > now_ms && self.until_ms - now_ms <= LEASE_MS + SKEW_MS
    }

    /// As a word.
    pub fn word(self) -> u64 {
        self.until_ms << 16 | u64::from(self.purpose as u8) << 8 | u64::from(self.holder + 1)
    }
}

impl Partition {
    /// Who has it to himself now.
    pub fn lease(&self, now_ms: u64) -> Option<Lease> {
        // Acquire pairs with the exchanges below: what the last holder did before he gave it back, he has done.
        Lease::from_word(self.lease.load(Ordering::Acquire)).filter(|lease| lease.lasts(now_ms))
    }

    /// Whether its cores are to stand still now.
    pub fn is_frozen(&self, now_ms: u64) -> bool {
        self.lease(now_ms).is_some_and(|lease| lease.purpose == Purpose::Freeze)
    }

    /// Takes it for oneself, if nobody has it; one's own lease from before counts as somebody's.
    ///
    /// # Errors
    /// Who has it.
    pub fn take_lease(&self, holder: usize, purpose: Purpose, now_ms: u64) -> Result<(), Lease> {
        let before = self.lease.load(Ordering::Acquire);
        if let Some(lease) = Lease::from_word(before).filter(|lease| lease.lasts(now_ms)) {
            return Err(lease);
        }
        let lease = Lease { holder: holder as u8, purpose, until_ms: now_ms.saturating_add(LEASE_MS) };
        let swapped = self.lease.compare_exchange(before, lease.word(), Ordering::AcqRel, Ordering::Acquire);
        swapped.map(|_| ()).map_err(|other| Lease::from_word(other).unwrap_or(lease))
    }

    /// Renews one's lease. False: it has ended meanwhile, and what it was for may have changed.
    pub fn renew_lease(&self, holder: usize, purpose: Purpose, now_ms: u64) -> bool {
        self.exchange_lease(holder, purpose, now_ms, |lease| Lease { until_ms: now_ms + LEASE_MS, ..lease }.word())
    }

    /// Gives it back. False: it had ended before.
    pub fn end_lease(&self, holder: usize, purpose: Purpose, now_ms: u64) -> bool {
        self.exchange_lease(holder, purpose, now_ms, |_| 0)
    }

    fn exchange_lease(&self, holder: usize, purpose: Purpose, now_ms: u64, next: impl Fn(Lease) -> u64) -> bool {
        let own = self.lease(now_ms).filter(|lease| usize::from(lease.holder) == holder && lease.purpose == purpose);
        own.is_some_and(|lease| {
            let swapped = self.lease.compare_exchange(lease.word(), next(lease), Ordering::AcqRel, Ordering::Relaxed);
            swapped.is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 5_000;

    #[test]
    fn a_lease_survives_its_word() {
        for purpose in [Purpose::Freeze, Purpose::Load] {
            let lease = Lease { holder: 31, purpose, until_ms: 1 << 40 };
            assert_eq!(Lease::from_word(lease.word()), Some(lease));
        }
        for no_lease in [0, 0x0100, 0x0901, 0x0300] {
            assert_eq!(Lease::from_word(no_lease), None, "{no_lease:#x}");
        }
    }

    #[test]
    fn one_holds_it_until_it_is_given_back() {
        let partition = Partition::default();
        assert_eq!(partition.take_lease(2, Purpose::Freeze, NOW), Ok(()));
        let refusal = partition.take_lease(1, Purpose::Load, NOW).unwrap_err();
        assert_eq!((refusal.holder, refusal.purpose), (2, Purpose::Freeze));
        assert!(partition.take_lease(2, Purpose::Freeze, NOW).is_err(), "two of one partition are two");
        assert!(partition.is_frozen(NOW));
        assert!(!partition.end_lease(1, Purpose::Freeze, NOW), "it is not theirs");
        assert!(!partition.end_lease(2, Purpose::Load, NOW), "it is not for that");
        assert!(partition.end_lease(2, Purpose::Freeze, NOW));
        assert!(!partition.is_frozen(NOW));
        assert_eq!(partition.take_lease(1, Purpose::Load, NOW), Ok(()));
        assert!(!partition.is_frozen(NOW), "that is not what it was taken for");
    }

    #[test]
    fn it_ends_by_itself_and_stays_ended() {
        let partition = Partition::default();
        partition.take_lease(2, Purpose::Freeze, NOW).unwrap();
        assert!(partition.renew_lease(2, Purpose::Freeze, NOW + LEASE_MS - 1));
        let end = NOW + 2 * LEASE_MS - 1;
        assert!(partition.is_frozen(end - 1) && !partition.is_frozen(end));
        assert!(!partition.renew_lease(2, Purpose::Freeze, end) && !partition.end_lease(2, Purpose::Freeze, end));
        assert_eq!(partition.take_lease(0, Purpose::Freeze, end), Ok(()), "for the next");
    }

    #[test]
    fn one_that_would_last_longer_than_any_is_none() {
        let partition = Partition::default();
        let endless = Lease { holder: 2, purpose: Purpose::Freeze, until_ms: NOW + LEASE_MS + SKEW_MS + 1 };
        partition.lease.store(endless.word(), Ordering::Relaxed);
        assert!(!partition.is_frozen(NOW));
        assert_eq!(partition.take_lease(0, Purpose::Load, NOW), Ok(()));
    }
}
