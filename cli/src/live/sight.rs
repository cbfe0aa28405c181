//! What the host sees of a partition only by looking again and again: whether its heart goes on, and whether somebody who
//! has it to himself still lives. The machine's clock is not known here.
//!
//! Time is counted in looks: a `sprig run` that was itself held up has not looked meanwhile, and concludes nothing.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;

use control::{LEASE_MS, Lease, Partition};
use lifecycle::condition::Heart;
use partitioner::address::MemoryRange;
use shmem::header::{ADDRESS_AT, DOORBELLS_AT, HEADER_LEN, HEARTBEAT_AT};

/// Looks in a second.
pub(super) const LOOKS_PER_SECOND: u32 = 10;
/// Holders renew a lease every second. One that stays as it is for as long as it lasts has ended.
const LEASE_LOOKS: u32 = LEASE_MS as u32 / 1000 * LOOKS_PER_SECOND;
/// A heart beats ten times in a second of its machine, which an emulator on a busy host may draw out.
const STALL_LOOKS: u32 = 2 * LOOKS_PER_SECOND;
/// Below this the memory of a machine lies in its file where it lies in the machine.
const AS_IN_FILE: u64 = 1 << 32;

/// The heartbeats of all partitions, in the window of the virtual Ethernet.
pub(super) struct Hearts {
    memory: File,
    window: MemoryRange,
}

impl Hearts {
    /// In that memory, from address 0 on.
    pub(super) fn new(memory: &File, window: MemoryRange) -> io::Result<Self> {
        Ok(Self { memory: memory.try_clone()?, window })
    }

    /// How often the heart of a partition has beaten; `None` while its interface is down, since it rests then, or if the
    /// window is out of sight.
    pub(super) fn beat(&self, partition: usize) -> Option<u64> {
        if self.window.end() > AS_IN_FILE {
            return None;
        }
        let header = self.window.start() + partition as u64 * HEADER_LEN;
        // Whoever is open has a doorbell.
        (self.word(header + DOORBELLS_AT + ADDRESS_AT)? != 0).then(|| self.word(header + HEARTBEAT_AT))?
    }

    /// A word that was caught half written is another one than before, and no more is asked of it.
    fn word(&self, at: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        self.memory.read_exact_at(&mut bytes, at).ok()?;
        Some(u64::from_le_bytes(bytes))
    }
}

/// What is known of one partition from all looks so far.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Sight {
    lease: Lasting<u64>,
    /// Its status and its heartbeat.
    life: Lasting<(u64, Option<u64>)>,
}

/// Something that was the same in so many looks after the first that has shown it.
#[derive(Clone, Copy, Default, Debug)]
struct Lasting<T> {
    seen: T,
    looks: u32,
}

impl<T: Copy + PartialEq> Lasting<T> {
    fn look(&mut self, now: T) {
        let looks = if self.seen == now { self.looks.saturating_add(1) } else { 0 };
        *self = Self { seen: now, looks };
    }
}

impl Sight {
    /// Looks, once in [`LOOKS_PER_SECOND`].
    pub(super) fn look(&mut self, partition: &Partition, beat: Option<u64>) {
        self.lease.look(partition.lease.load(Ordering::Acquire));
        self.life.look((partition.status.load(Ordering::Acquire), beat));
        // It stands still because somebody wants it to, and takes its time to go on.
        if self.lease().is_some() {
            self.life.looks = 0;
        }
    }

    /// Who has it to himself.
    pub(super) fn lease(&self) -> Option<Lease> {
        Lease::from_word(self.lease.seen).filter(|_| self.lease.looks < LEASE_LOOKS)
    }

    /// Whether its heart goes on.
    pub(super) fn heart(&self) -> Heart {
        match self.life.seen {
            (_, Some(_)) if self.life.looks >= STALL_LOOKS => Heart::Stopped,
            _ => Heart::Beats,
        }
    }
}

#[cfg(test)]
mod tests {
    use control::{Cause, Purpose, State};

    use super::*;

    fn look_for(sight: &mut Sight, partition: &Partition, looks: u32, beat: impl Fn(u32) -> Option<u64>) {
        (0..looks).for_each(|look| sight.look(partition, beat(look)));
    }

    fn running() -> Partition {
        let partition = Partition::default();
        partition.say(State::Running, Cause::None, 1);
        partition
    }

    #[test]
    fn a_heart_that_was_not_seen_to_beat_for_two_seconds_has_stopped() {
        let (partition, mut sight) = (running(), Sight::default());
        look_for(&mut sight, &partition, 100, |look| Some(u64::from(look / 10)));
        assert_eq!(sight.heart(), Heart::Beats, "a slow one");
        look_for(&mut sight, &partition, STALL_LOOKS, |_| Some(10));
        assert_eq!(sight.heart(), Heart::Beats);
        sight.look(&partition, Some(10));
        assert_eq!(sight.heart(), Heart::Stopped);
        sight.look(&partition, Some(11));
        assert_eq!(sight.heart(), Heart::Beats, "it goes on");
    }

    #[test]
    fn one_whose_interface_is_down_has_no_heart_to_stop() {
        let (partition, mut sight) = (running(), Sight::default());
        look_for(&mut sight, &partition, 10 * STALL_LOOKS, |_| None);
        assert_eq!(sight.heart(), Heart::Beats);
    }

    #[test]
    fn a_new_life_has_all_its_time() {
        let (partition, mut sight) = (running(), Sight::default());
        look_for(&mut sight, &partition, 2 * STALL_LOOKS, |_| Some(10));
        partition.say(State::Starting, Cause::Asked, 2);
        sight.look(&partition, Some(10));
        assert_eq!(sight.heart(), Heart::Beats);
    }

    #[test]
    fn a_lease_is_over_when_it_was_not_renewed_for_as_long_as_one_lasts() {
        let (partition, mut sight) = (running(), Sight::default());
        assert_eq!(sight.lease(), None);
        partition.take_lease(1, Purpose::Freeze, 1).unwrap();
        for now_ms in 2..6 {
            look_for(&mut sight, &partition, LEASE_LOOKS, |_| Some(10));
            assert_eq!(sight.lease().map(|lease| lease.holder), Some(1), "{now_ms}");
            assert_eq!(sight.heart(), Heart::Beats, "it stands still for its holder");
            assert!(partition.renew_lease(1, Purpose::Freeze, now_ms));
        }
        look_for(&mut sight, &partition, LEASE_LOOKS + 1, |_| Some(10));
        assert_eq!(sight.lease(), None, "its holder has died");
        assert_eq!(sight.heart(), Heart::Beats, "it has all its time to go on");
        partition.lease.store(0, Ordering::Relaxed);
        look_for(&mut sight, &partition, STALL_LOOKS, |_| Some(10));
        assert_eq!(sight.heart(), Heart::Stopped);
    }
}
