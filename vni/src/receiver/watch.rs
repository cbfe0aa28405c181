//! What a watchdog sees of a receiver that sleeps.

use core::sync::atomic::{AtomicU64, Ordering};

use shmem::ring::{LAP, lap_bit};

use crate::ring::RingWords;

/// What a watchdog, in another context, sees of a receiver.
#[derive(Default, Debug)]
pub struct Watch {
    /// [`Watch::ASLEEP`] and the number of the descriptor that the receiver sleeps for; 0 while it is awake.
    asleep: AtomicU64,
    /// The same at the watchdog's last look, if that descriptor had come; else 0.
    overdue: AtomicU64,
}

impl Watch {
    const ASLEEP: u64 = 1 << 32;

    pub(super) fn sleep(&self, next: u32) {
        self.asleep.store(Self::ASLEEP | u64::from(next), Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn wake(&self) {
        self.asleep.store(0, Ordering::Relaxed);
    }

    /// Whether the receiver sleeps with something to do, and did so already, without having woken, at the last call.
    pub fn is_overdue(&self, ring: &impl RingWords) -> bool {
        let asleep = self.asleep.load(Ordering::Relaxed);
        let next = asleep as u32;
        let has_come = asleep != 0 && ring.first_word(next) & LAP == lap_bit(next);
        let overdue = if has_come { asleep } else { 0 };
        self.overdue.swap(overdue, Ordering::Relaxed) == overdue && has_come
    }
}
