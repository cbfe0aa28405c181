//! The buffers of a transmit pool, and which lane has which.
//!
//! Each lane owns some for good, enough for the largest frame, so that no other destination can keep it from sending
//! ([`OwnCount`]). The rest is shared: a [stack] without a lock, since each lane has its own sender. A lane uses its own
//! buffers in turn, so that what a receiver reads now is far from what the sender writes next.

use core::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use shmem::pool::{BUFFER_LEN, GUARANTEED_BUFFERS};

use crate::stack::{self, StackWords};

/// The most buffers of a pool that are used. What lies beyond is not touched.
pub const MAX_BUFFERS: usize = 16 << 10;

/// How many buffers each lane of a pool owns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnCount(u16);

impl OwnCount {
    /// Most that a lane owns. With less than 2 MiB that take turns, a sender writes to lines that the receiver's core still
    /// has in a cache of its own, and some processors are four times as slow at that (docs/src/decisions/data-path.md).
    pub const MAX: usize = 256;

    /// Of a pool of `pool_len` bytes with so many lanes: as many as half of the pool gives, or all of it gives to a
    /// lane that is alone, from [`GUARANTEED_BUFFERS`] to [`OwnCount::MAX`].
    pub fn of_pool(pool_len: u64, lanes: usize) -> Self {
        let all = (pool_len / BUFFER_LEN) as usize;
        let each = if lanes <= 1 { all } else { all / 2 / lanes };
        Self(each.clamp(GUARANTEED_BUFFERS, Self::MAX) as u16)
    }

    fn get(self) -> usize {
        self.0.into()
    }
}

/// A buffer, by its place in the pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Buffer(u16);

impl Buffer {
    /// Where it lies in the pool.
    #[inline]
    pub fn offset(self) -> u32 {
        u32::from(self.0) * BUFFER_LEN as u32
    }
}

/// The buffers that all lanes of a partition share, and how many each lane owns beside. All zero, there are none.
#[derive(Debug)]
pub struct SharedBuffers {
    /// Of the [stack], whose entries are the buffers.
    top: AtomicU64,
    below: [AtomicU16; MAX_BUFFERS],
    /// [`OwnCount`]; written before any lane is made.
    own: AtomicU16,
}

impl StackWords for SharedBuffers {
    fn top(&self) -> u64 {
        self.top.load(Ordering::Acquire)
    }

    fn take(&self, old: u64, new: u64) -> Result<(), u64> {
        self.top.compare_exchange_weak(old, new, Ordering::Relaxed, Ordering::Acquire).map(drop)
    }

    fn put(&self, old: u64, new: u64) -> Result<(), u64> {
        self.top.compare_exchange_weak(old, new, Ordering::Release, Ordering::Relaxed).map(drop)
    }

    fn below(&self, entry: u16) -> Option<u16> {
        self.below.get(usize::from(entry)).map(|below| below.load(Ordering::Relaxed))
    }

    fn set_below(&self, entry: u16, below: u16) {
        if let Some(place) = self.below.get(usize::from(entry)) {
            place.store(below, Ordering::Relaxed);
        }
    }
}

impl SharedBuffers {
    /// An empty stack.
    pub const fn new() -> Self {
        Self { top: AtomicU64::new(0), below: [const { AtomicU16::new(0) }; MAX_BUFFERS], own: AtomicU16::new(0) }
    }

    /// Puts in the buffers of a pool of `pool_len` bytes that none of its `lanes` owns. Call it before any lane is
    /// made.
    pub fn fill(&self, pool_len: u64, lanes: usize) {
        let own = OwnCount::of_pool(pool_len, lanes);
        self.own.store(own.0, Ordering::Relaxed);
        let all = ((pool_len / BUFFER_LEN) as usize).min(MAX_BUFFERS);
        // Downwards, so that the lowest are used first.
        for buffer in (lanes * own.get()..all).rev() {
            self.push(Buffer(buffer as u16));
        }
    }

    /// How many each lane owns.
    pub fn own_count(&self) -> OwnCount {
        OwnCount(self.own.load(Ordering::Relaxed))
    }

    /// The number of buffers on the stack; another context may have changed it since.
    pub fn count(&self) -> usize {
        stack::count(self.top.load(Ordering::Relaxed))
    }

    /// Takes a buffer.
    pub fn pop(&self) -> Option<Buffer> {
        stack::pop(self).map(Buffer)
    }

    /// Puts a buffer back.
    pub fn push(&self, buffer: Buffer) {
        if usize::from(buffer.0) < MAX_BUFFERS {
            stack::push(self, buffer.0);
        }
    }
}

impl Default for SharedBuffers {
    fn default() -> Self {
        Self::new()
    }
}

/// The buffers that one lane owns, and its way to the shared ones.
#[derive(Clone, Debug)]
pub struct OwnBuffers {
    first: u16,
    free: heapless::Deque<u16, { OwnCount::MAX }>,
    count: OwnCount,
}

impl OwnBuffers {
    /// Those of the `lane`-th lane of its partition, all free.
    pub fn new(lane: usize, count: OwnCount) -> Self {
        let first = (lane * count.get()) as u16;
        let mut free = heapless::Deque::new();
        free.extend(first..first + count.0);
        Self { first, free, count }
    }

    /// Whether `count` buffers, own and shared, were free a moment ago.
    pub fn could_have(&self, count: usize, shared: &SharedBuffers) -> bool {
        let own = self.free.len();
        own >= count || own + shared.count() >= count
    }

    /// The number of own buffers that are free.
    pub fn count(&self) -> usize {
        self.free.len()
    }

    /// Takes the own buffer that has been free longest.
    pub fn pop(&mut self) -> Option<Buffer> {
        self.free.pop_front().map(Buffer)
    }

    /// Puts a buffer back where it belongs.
    pub fn give_back(&mut self, buffer: Buffer, shared: &SharedBuffers) {
        let own = buffer.0.checked_sub(self.first).is_some_and(|place| place < self.count.0);
        if !own {
            return shared.push(buffer);
        }
        let full = self.free.push_back(buffer.0);
        debug_assert!(full.is_ok(), "a buffer came back twice");
    }
}

const _: () = assert!(MAX_BUFFERS < u16::MAX as usize, "buffers are numbered by 16 bits, plus one");
// One is being filled, and may have no room left.
const _: () = assert!(crate::MAX_FRAME.div_ceil(BUFFER_LEN as usize) + 1 < GUARANTEED_BUFFERS);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn every_buffer_is_somebodys_and_none_is_two_peoples() {
        for (all, own) in [(46, 12), (96, 16), (400, 66), (1800, 256)] {
            let shared = SharedBuffers::new();
            shared.fill(all * BUFFER_LEN, 3);
            assert_eq!((shared.own_count().get(), shared.count()), (own, all as usize - 3 * own));
            let mut seen = BTreeSet::new();
            for lane in 0..3 {
                let mut own = OwnBuffers::new(lane, shared.own_count());
                seen.extend(core::iter::from_fn(|| own.pop()).map(Buffer::offset));
            }
            seen.extend(core::iter::from_fn(|| shared.pop()).map(Buffer::offset));
            assert_eq!(seen.len() as u64, all);
            assert_eq!(seen.last().map(|last| u64::from(*last) + BUFFER_LEN), Some(all * BUFFER_LEN));
            assert_eq!((shared.count(), shared.pop()), (0, None));
        }
    }

    #[test]
    fn a_buffer_goes_back_to_where_it_came_from() {
        let shared = SharedBuffers::new();
        shared.fill(1 << 20, 2);
        let mut own = OwnBuffers::new(1, shared.own_count());
        let mine: Vec<_> = core::iter::from_fn(|| own.pop()).collect();
        let count = shared.count();
        let theirs = shared.pop().unwrap();
        assert!(!own.could_have(count, &shared) && own.could_have(count - 1, &shared));
        own.give_back(theirs, &shared);
        assert_eq!(shared.count(), count);
        mine.iter().for_each(|buffer| own.give_back(*buffer, &shared));
        assert!(own.could_have(mine.len() + count, &shared));
        assert_eq!(own.pop(), Some(mine[0]), "they take turns");
    }

    #[test]
    fn threads_that_pop_and_push_lose_and_double_nothing() {
        let shared = SharedBuffers::new();
        shared.fill(64 * BUFFER_LEN, 0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for round in 0..20_000 {
                        let taken: Vec<_> = (0..round % 7).filter_map(|_| shared.pop()).collect();
                        taken.into_iter().for_each(|buffer| shared.push(buffer));
                    }
                });
            }
        });
        let left: BTreeSet<_> = core::iter::from_fn(|| shared.pop()).map(Buffer::offset).collect();
        assert_eq!(left.len(), 64);
    }
}
