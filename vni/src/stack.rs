//! A stack without a lock (R. K. Treiber, 1986) of entries that are numbered: what several senders share.
//!
//! ```text
//! top     bits 0..16: the top entry plus one, 0 if there is none; 16..32: entries, roughly; 32..64: changes
//! below   for each entry on the stack the one below it, plus one
//! ```
//!
//! `changes` counts every pop and push, so that a top that comes back differs from one that stayed: without it, one who
//! has read what lies below an entry puts that on top, though another has taken both meanwhile and put back the first.
//! The tests in `vni/tests/loom` hand an entry to two with it left out, or with an ordering left out, and never with all
//! in place.

/// The words of a stack. Each method is one access, with the ordering that it needs.
pub trait StackWords {
    /// Loads the top by acquire. Partner of [`StackWords::put`]: what lies below the entry, and what its last owner did
    /// with it, are seen.
    fn top(&self) -> u64;
    /// Replaces the top after a pop, if it is `old`; else what it is now, by acquire as [`StackWords::top`]. Who reads
    /// what this has stored sees what earlier puts have handed on, since a chain of exchanges does.
    fn take(&self, old: u64, new: u64) -> Result<(), u64>;
    /// Replaces the top after a push by release, if it is `old`; else what it is now.
    fn put(&self, old: u64, new: u64) -> Result<(), u64>;
    /// Loads what lies below an entry; [`StackWords::top`] has ordered it. `None` if there is no such entry.
    fn below(&self, entry: u16) -> Option<u16>;
    /// Stores what lies below an entry; [`StackWords::put`] orders it.
    fn set_below(&self, entry: u16, below: u16);
}

/// `top` taken apart.
#[derive(Clone, Copy)]
struct Top {
    entry: u16,
    count: u16,
    changes: u32,
}

impl Top {
    fn from_word(word: u64) -> Self {
        Self { entry: word as u16, count: (word >> 16) as u16, changes: (word >> 32) as u32 }
    }

    fn to_word(self) -> u64 {
        u64::from(self.entry) | u64::from(self.count) << 16 | u64::from(self.changes) << 32
    }
}

/// The number of entries, of a top; another may have changed it since.
pub fn count(top: u64) -> usize {
    Top::from_word(top).count.into()
}

/// Takes an entry.
pub fn pop(words: &impl StackWords) -> Option<u16> {
    let mut word = words.top();
    loop {
        let top = Top::from_word(word);
        let entry = top.entry.checked_sub(1)?;
        // Another may change this meanwhile; then `changes` differs, and what was read here is thrown away.
        let below = words.below(entry)?;
        let next = Top { entry: below, count: top.count.wrapping_sub(1), changes: top.changes.wrapping_add(1) };
        match words.take(word, next.to_word()) {
            Ok(()) => return Some(entry),
            Err(now) => word = now,
        }
    }
}

/// Puts an entry back, of those that there are.
pub fn push(words: &impl StackWords, entry: u16) {
    let mut word = words.top();
    loop {
        let top = Top::from_word(word);
        words.set_below(entry, top.entry);
        let next = Top { entry: entry + 1, count: top.count.wrapping_add(1), changes: top.changes.wrapping_add(1) };
        match words.put(word, next.to_word()) {
            Ok(()) => return,
            Err(now) => word = now,
        }
    }
}
