//! How often a partition was started again by its policy, and whether that is enough.

use core::sync::atomic::Ordering;

use crate::Partition;

/// The time to which a limit of restarts applies: 10 minutes.
const LIMIT_MS: u64 = 10 * 60 * 1000;
/// Of [`Partition::restarts`]: the limit was reached.
const GIVEN_UP: u64 = u64::MAX;

impl Partition {
    /// Whether the limit of restarts by policy is not reached.
    pub fn may_restart(&self, now_ms: u64) -> bool {
        self.restarts_until(now_ms) < u64::from(self.policy().restart_limit)
    }

    /// One more restart by policy. Only whoever has given that order.
    pub fn count_restart(&self, now_ms: u64) {
        let before = self.restarts_until(now_ms);
        if before == 0 {
            self.restarts_since.store(now_ms, Ordering::Relaxed);
        }
        self.restarts.store(before + 1, Ordering::Relaxed);
    }

    /// The limit was reached: it is kept as it is, until somebody asks.
    pub(crate) fn give_up(&self) {
        self.restarts.store(GIVEN_UP, Ordering::Relaxed);
    }

    /// Somebody has asked: restarts by policy are counted anew.
    pub fn forgive(&self) {
        self.restarts.store(0, Ordering::Relaxed);
    }

    fn restarts_until(&self, now_ms: u64) -> u64 {
        let age = now_ms.saturating_sub(self.restarts_since.load(Ordering::Relaxed));
        match self.restarts.load(Ordering::Relaxed) {
            restarts if age < LIMIT_MS || restarts == GIVEN_UP => restarts,
            _ => 0,
        }
    }
}
