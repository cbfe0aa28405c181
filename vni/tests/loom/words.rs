//! The words of ring, link and doorbell as atomics of the checker, each with its twins.

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, Ordering, fence};
use vni::doorbell::DoorbellWords;
use vni::lending::LoanWords;
use vni::link::LinkWords;
use vni::ring::RingWords;
use vni::stack::StackWords;

/// What a twin lacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lacks {
    Nothing,
    // Of a ring.
    FencePublished,
    FenceArmed,
    FenceReleased,
    FenceRequested,
    /// All fences, with every store of `wake_at` or `room_at` a release and every load an acquire: what looks right and is not.
    Fences,
    PublishRelease,
    DescriptorAcquire,
    ReleaseRelease,
    ConsumedAcquire,
    // Of a link.
    FenceSaid,
    SaidRelease,
    TheirsAcquire,
    // Of a doorbell.
    FenceSet,
    FenceMoved,
    FenceSent,
    PendingOrder,
    // Of a stack.
    Changes,
    TopAcquire,
    PutRelease,
    // Of loans.
    LoanAcquire,
    GiveBackRelease,
    // Of a queue that is stopped.
    Schedule,
}

/// What all words have in common.
#[derive(Clone, Copy)]
struct Twin(Lacks);

impl Twin {
    fn fence(self, which: Lacks) {
        if self.0 != which && self.0 != Lacks::Fences {
            fence(Ordering::SeqCst);
        }
    }

    /// `ordering`, or none at all.
    fn ordering(self, which: Lacks, ordering: Ordering) -> Ordering {
        if self.0 == which { Ordering::Relaxed } else { ordering }
    }

    /// None, where fences order it.
    fn fenced(self, otherwise: Ordering) -> Ordering {
        if self.0 == Lacks::Fences { otherwise } else { Ordering::Relaxed }
    }
}

/// Slots that the models need: for two descriptors, and one that never comes.
const SLOTS: usize = 3;

/// A ring.
pub(crate) struct Ring {
    twin: Twin,
    room_at: AtomicU32,
    consumed: AtomicU32,
    wake_at: AtomicU32,
    slots: [[AtomicU64; 2]; SLOTS],
}

impl Ring {
    pub(crate) fn new(lacks: Lacks) -> Self {
        let [room_at, consumed, wake_at] = [(); 3].map(|()| AtomicU32::new(0));
        let slots = [(); SLOTS].map(|()| [(); 2].map(|()| AtomicU64::new(0)));
        Self { twin: Twin(lacks), room_at, consumed, wake_at, slots }
    }
}

impl Ring {
    fn slot(&self, number: u32) -> &[AtomicU64; 2] {
        &self.slots[number as usize % SLOTS]
    }
}

impl RingWords for Ring {
    fn first_word(&self, number: u32) -> u64 {
        self.slot(number)[0].load(self.twin.ordering(Lacks::DescriptorAcquire, Ordering::Acquire))
    }

    fn second_word(&self, number: u32) -> u64 {
        self.slot(number)[1].load(Ordering::Relaxed)
    }

    fn set_words(&self, number: u32, words: [u64; 2]) {
        self.slot(number).iter().zip(words).for_each(|(place, word)| place.store(word, Ordering::Relaxed));
    }

    fn set_second_word(&self, number: u32, word: u64) {
        self.slot(number)[1].store(word, Ordering::Relaxed);
    }

    fn publish(&self, number: u32, first_word: u64) {
        self.slot(number)[0].store(first_word, self.twin.ordering(Lacks::PublishRelease, Ordering::Release));
    }

    fn consumed(&self) -> u32 {
        self.consumed.load(self.twin.ordering(Lacks::ConsumedAcquire, Ordering::Acquire))
    }

    fn release(&self, consumed: u32) {
        self.consumed.store(consumed, self.twin.ordering(Lacks::ReleaseRelease, Ordering::Release));
    }

    fn wake_at(&self) -> u32 {
        self.wake_at.load(self.twin.fenced(Ordering::Acquire))
    }

    fn set_wake_at(&self, index: u32) {
        self.wake_at.store(index, self.twin.fenced(Ordering::Release));
    }

    fn room_at(&self) -> u32 {
        self.room_at.load(self.twin.fenced(Ordering::Acquire))
    }

    fn set_room_at(&self, index: u32) {
        self.room_at.store(index, self.twin.fenced(Ordering::Release));
    }

    fn clear_produced(&self) {
        self.room_at.store(0, Ordering::Relaxed);
        self.slots.iter().flatten().for_each(|word| word.store(0, Ordering::Relaxed));
    }

    fn clear_consumed(&self) {
        self.consumed.store(0, Ordering::Relaxed);
        self.wake_at.store(0, Ordering::Relaxed);
    }

    fn fence_published(&self) {
        self.twin.fence(Lacks::FencePublished);
    }

    fn fence_armed(&self) {
        self.twin.fence(Lacks::FenceArmed);
    }

    fn fence_released(&self) {
        self.twin.fence(Lacks::FenceReleased);
    }

    fn fence_asked(&self) {
        self.twin.fence(Lacks::FenceRequested);
    }
}

/// Both words of a link.
pub(crate) struct Link {
    twin: Twin,
    words: [AtomicU64; 2],
}

/// A link as its end `me` sees it.
pub(crate) struct Side<'a> {
    pub(crate) link: &'a Link,
    pub(crate) me: usize,
}

impl Link {
    pub(crate) fn new(lacks: Lacks, words: [u64; 2]) -> Self {
        Self { twin: Twin(lacks), words: words.map(AtomicU64::new) }
    }
}

impl LinkWords for Side<'_> {
    fn mine(&self) -> u64 {
        self.link.words[self.me].load(Ordering::Relaxed)
    }

    fn replace_mine(&self, old: u64, new: u64) -> bool {
        let ordering = self.link.twin.ordering(Lacks::SaidRelease, Ordering::Release);
        self.link.words[self.me].compare_exchange(old, new, ordering, Ordering::Relaxed).is_ok()
    }

    fn theirs(&self) -> u64 {
        self.link.words[1 - self.me].load(self.link.twin.ordering(Lacks::TheirsAcquire, Ordering::Acquire))
    }

    fn fence_announced(&self) {
        self.link.twin.fence(Lacks::FenceSaid);
    }
}

/// A doorbell.
pub(crate) struct Doorbell {
    twin: Twin,
    pending: AtomicU32,
    address: AtomicU64,
}

impl Doorbell {
    pub(crate) fn new(lacks: Lacks, address: u64) -> Self {
        Self { twin: Twin(lacks), pending: AtomicU32::new(0), address: AtomicU64::new(address) }
    }
}

impl DoorbellWords for Doorbell {
    fn set_pending(&self, bits: u32) -> u32 {
        self.pending.fetch_or(bits, self.twin.ordering(Lacks::PendingOrder, Ordering::AcqRel))
    }

    fn pending(&self) -> u32 {
        self.pending.load(Ordering::Relaxed)
    }

    fn take_pending(&self) -> u32 {
        self.pending.swap(0, self.twin.ordering(Lacks::PendingOrder, Ordering::AcqRel))
    }

    fn address(&self) -> u64 {
        self.address.load(Ordering::Relaxed)
    }

    fn set_address(&self, address: u64) {
        self.address.store(address, Ordering::Relaxed);
    }

    fn fence_set(&self) {
        self.twin.fence(Lacks::FenceSet);
    }

    fn fence_moved(&self) {
        self.twin.fence(Lacks::FenceMoved);
    }

    fn fence_sent(&self) {
        self.twin.fence(Lacks::FenceSent);
    }
}

/// Entries of a stack.
pub(crate) const ENTRIES: usize = 3;

/// A stack.
pub(crate) struct Stack {
    twin: Twin,
    top: AtomicU64,
    below: [AtomicU16; ENTRIES],
}

impl Stack {
    /// An empty one.
    pub(crate) fn new(lacks: Lacks) -> Self {
        Self { twin: Twin(lacks), top: AtomicU64::new(0), below: [(); ENTRIES].map(|()| AtomicU16::new(0)) }
    }

    /// What is stored as the top: without `changes` if the twin lacks them.
    fn kept(&self, top: u64) -> u64 {
        if self.twin.0 == Lacks::Changes { top & u64::from(u32::MAX) } else { top }
    }
}

impl StackWords for Stack {
    fn top(&self) -> u64 {
        self.top.load(self.twin.ordering(Lacks::TopAcquire, Ordering::Acquire))
    }

    fn take(&self, old: u64, new: u64) -> Result<(), u64> {
        let failed = self.twin.ordering(Lacks::TopAcquire, Ordering::Acquire);
        self.top.compare_exchange(old, self.kept(new), Ordering::Relaxed, failed).map(drop)
    }

    fn put(&self, old: u64, new: u64) -> Result<(), u64> {
        let done = self.twin.ordering(Lacks::PutRelease, Ordering::Release);
        self.top.compare_exchange(old, self.kept(new), done, Ordering::Relaxed).map(drop)
    }

    fn below(&self, entry: u16) -> Option<u16> {
        self.below.get(usize::from(entry)).map(|below| below.load(Ordering::Relaxed))
    }

    fn set_below(&self, entry: u16, below: u16) {
        self.below[usize::from(entry)].store(below, Ordering::Relaxed);
    }
}

/// What is lent of a ring.
pub(crate) struct Loans {
    twin: Twin,
    word: AtomicU64,
}

impl Loans {
    pub(crate) fn new(lacks: Lacks) -> Self {
        Self { twin: Twin(lacks), word: AtomicU64::new(0) }
    }
}

impl LoanWords for Loans {
    fn word(&self, _: usize) -> u64 {
        self.word.load(self.twin.ordering(Lacks::LoanAcquire, Ordering::Acquire))
    }

    fn lend(&self, _: usize, old: u64, new: u64) -> Result<(), u64> {
        self.word.compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed).map(drop)
    }

    fn give_back(&self, _: usize, old: u64, new: u64) -> Result<(), u64> {
        let done = self.twin.ordering(Lacks::GiveBackRelease, Ordering::Release);
        self.word.compare_exchange(old, new, done, Ordering::Relaxed).map(drop)
    }
}

/// Whether a driver's queue is stopped, and whether whoever feeds it is told when it is no more.
pub(crate) struct Stopped {
    twin: Twin,
    stopped: AtomicBool,
}

impl Stopped {
    pub(crate) fn new(lacks: Lacks) -> Self {
        Self { twin: Twin(lacks), stopped: AtomicBool::new(false) }
    }

    pub(crate) fn get(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Without an order of its own: the lock and the fences about room give it one.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether whoever feeds it is to be told.
    pub(crate) fn go_on(&self) -> bool {
        self.stopped.swap(false, Ordering::Relaxed) && self.twin.0 != Lacks::Schedule
    }
}

/// Memory that is not to be touched by two at once if one of them writes, and a value in it.
pub(crate) struct Memory {
    /// In it the checker sees who touches it and when.
    touched: UnsafeCell<()>,
    /// Without an order of its own.
    value: AtomicU32,
}

// SAFETY: the cell's content is nothing, and no pointer to it is ever followed. That two touch it at once is what the
// checker finds.
#[expect(unsafe_code, reason = "the checker's cells belong to one thread otherwise")]
unsafe impl Sync for Memory {}

impl Memory {
    pub(crate) fn new(value: u32) -> Self {
        Self { touched: UnsafeCell::new(()), value: AtomicU32::new(value) }
    }

    pub(crate) fn write(&self, value: u32) {
        self.touched.with_mut(|_| self.value.store(value, Ordering::Relaxed));
    }

    /// What is in it, without touching it in the checker's eyes: as an atomic that two may use at once.
    pub(crate) fn value(&self) -> u32 {
        self.value.load(Ordering::Relaxed)
    }

    pub(crate) fn read(&self) -> u32 {
        self.touched.with(|_| self.value())
    }
}
