//! A partition's console: two rings of bytes in memory of its kernel's, whose address stands in
//! [`Partition::console`](crate::Partition::console).
//!
//! ```text
//! 0x0000  magic      "SPRIGCON" while the rings are in use            ┐
//! 0x0040  begun      bytes of output ever begun to be stored          │ written by the kernel that has the console
//! 0x0048  written    bytes of output ever stored                      ┘
//! 0x0080  typist     who types: number of the session << 8 | index of his partition + 1; 0 in the low byte: nobody
//! 0x0088  typed      bytes of input ever stored                       written by whoever types
//! 0x00c0  taken      bytes of input ever taken                        written by the kernel that has the console
//! 0x0c00  input      1 KiB
//! 0x1000  output     16 KiB
//! ```
//!
//! *Output* never waits for a reader: the oldest bytes are written over. Readers keep a count of their own, their cursor, and
//! learn how many bytes they have missed. *Input* has room for as much as the kernel has not taken.
//!
//! All words only grow, and a byte lies at its count modulo the length of its ring, so nothing that anybody writes here leads
//! outside the rings. Who attaches last types: a session is over when `typist` is another. Two that type at the same moment
//! may mix their bytes, and do no other harm.

use core::sync::atomic::{AtomicU8, AtomicU64, Ordering, fence};

/// Bytes of output that are kept.
pub const OUTPUT: usize = 16 << 10;
/// Bytes of input that may wait.
pub const INPUT: usize = 1 << 10;
/// Bytes of all.
pub const LEN: usize = 0x5000;

/// "SPRIGCON" in memory.
const MAGIC: u64 = u64::from_le_bytes(*b"SPRIGCON");

#[repr(C, align(64))]
#[derive(Debug, Default)]
struct Printed {
    begun: AtomicU64,
    written: AtomicU64,
}

#[repr(C, align(64))]
#[derive(Debug, Default)]
struct Typed {
    typist: AtomicU64,
    typed: AtomicU64,
}

#[repr(C, align(64))]
#[derive(Debug, Default)]
struct Taken(AtomicU64);

/// The rings of a console, in memory that both kernels have mapped.
#[repr(C, align(4096))]
#[derive(Debug)]
pub struct Console {
    magic: AtomicU64,
    printed: Printed,
    typed: Typed,
    taken: Taken,
    spare: [AtomicU64; 352],
    input: [AtomicU8; INPUT],
    output: [AtomicU8; OUTPUT],
}

const _: () = assert!(size_of::<Console>() == LEN && core::mem::offset_of!(Console, input) == 0xc00);
const _: () = assert!(OUTPUT.is_power_of_two() && INPUT.is_power_of_two());

/// One attachment of a partition that types.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Session(u64);

impl Session {
    /// From its word.
    pub fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// As a word, which is not 0.
    pub fn word(self) -> u64 {
        self.0
    }
}

/// What a reader has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Output {
    /// Bytes that were written over before they were read: those before the ones that he has got.
    pub lost: u64,
    /// Bytes that he has got.
    pub len: usize,
}

impl Default for Console {
    /// One that nobody uses yet.
    fn default() -> Self {
        Self {
            magic: AtomicU64::default(),
            printed: Printed::default(),
            typed: Typed::default(),
            taken: Taken::default(),
            spare: [const { AtomicU64::new(0) }; 352],
            input: [const { AtomicU8::new(0) }; INPUT],
            output: [const { AtomicU8::new(0) }; OUTPUT],
        }
    }
}

/// The places in a ring of the bytes from that count on.
fn places(ring: &[AtomicU8], count: u64) -> impl Iterator<Item = &AtomicU8> {
    ring.iter().cycle().skip(count as usize % ring.len())
}

impl Console {
    /// Its kernel shows that it is in use; all of it was zero before.
    pub fn open(&self) {
        self.magic.store(MAGIC, Ordering::Release);
    }

    /// Whether a console is in use there.
    pub fn is_open(&self) -> bool {
        self.magic.load(Ordering::Acquire) == MAGIC
    }

    /// Its kernel prints: one caller at a time, who never waits.
    pub fn print(&self, bytes: &[u8]) {
        let written = self.printed.written.load(Ordering::Relaxed);
        let end = written.wrapping_add(bytes.len() as u64);
        // Of too many only the last have a place.
        let skipped = bytes.len().saturating_sub(OUTPUT);
        self.printed.begun.store(end, Ordering::Relaxed);
        // Pairs with the fence of `read`: who has got a byte of these sees that they were begun.
        fence(Ordering::Release);
        for (byte, place) in bytes[skipped..].iter().zip(places(&self.output, written.wrapping_add(skipped as u64))) {
            place.store(*byte, Ordering::Relaxed);
        }
        // Release pairs with the acquire of `read`: who sees the count sees the bytes.
        self.printed.written.store(end, Ordering::Release);
    }

    /// Where a reader begins who wants all that is kept.
    pub fn oldest(&self) -> u64 {
        self.printed.written.load(Ordering::Acquire).saturating_sub(OUTPUT as u64)
    }

    /// Copies what was printed since `cursor`, as much as there is room for, and moves the cursor behind it.
    pub fn read(&self, cursor: &mut u64, into: &mut [u8]) -> Output {
        let written = self.printed.written.load(Ordering::Acquire);
        if written < *cursor {
            // Not what a kernel does that keeps its word.
            *cursor = written;
        }
        let start = (*cursor).max(written.saturating_sub(OUTPUT as u64));
        let len = into.len().min((written - start) as usize);
        for (byte, place) in into[..len].iter_mut().zip(places(&self.output, start)) {
            *byte = place.load(Ordering::Relaxed);
        }
        // Pairs with the fence of `print`.
        fence(Ordering::Acquire);
        let begun = self.printed.begun.load(Ordering::Relaxed);
        let overtaken = (begun.saturating_sub(OUTPUT as u64).saturating_sub(start)).min(len as u64) as usize;
        into.copy_within(overtaken..len, 0);
        let lost = start - *cursor + overtaken as u64;
        *cursor = start + len as u64;
        Output { lost, len: len - overtaken }
    }

    /// From now on that partition types, and whoever did so before does not.
    pub fn attach(&self, index: usize) -> Session {
        let next = |typist: u64| (typist >> 8).wrapping_add(1) << 8 | (index as u64 + 1) & 0xff;
        let before = self.typed.typist.fetch_update(Ordering::AcqRel, Ordering::Acquire, |typist| Some(next(typist)));
        // Both arms are the word before: the closure refuses none.
        let (Ok(before) | Err(before)) = before;
        Session(next(before))
    }

    /// Ends a session, unless another has taken its place.
    pub fn detach(&self, session: Session) {
        let nobody = session.0 & !0xff;
        let _ = self.typed.typist.compare_exchange(session.0, nobody, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Whether it is that session which types.
    pub fn is_attached(&self, session: Session) -> bool {
        self.typed.typist.load(Ordering::Acquire) == session.0
    }

    /// Types as much as there is room for, and returns how much. The caller is attached.
    pub fn type_in(&self, bytes: &[u8]) -> usize {
        let typed = self.typed.typed.load(Ordering::Relaxed);
        // Acquire pairs with the release of `take`: a byte that was taken is not read any more.
        let waiting = typed.wrapping_sub(self.taken.0.load(Ordering::Acquire));
        let len = bytes.len().min(INPUT.saturating_sub(usize::try_from(waiting).unwrap_or(INPUT)));
        for (byte, place) in bytes[..len].iter().zip(places(&self.input, typed)) {
            place.store(*byte, Ordering::Relaxed);
        }
        // Release pairs with the acquire of `take`: who sees the count sees the bytes.
        self.typed.typed.store(typed.wrapping_add(len as u64), Ordering::Release);
        len
    }

    /// Whether something waits that was typed. Cheap.
    pub fn has_input(&self) -> bool {
        self.typed.typed.load(Ordering::Relaxed) != self.taken.0.load(Ordering::Relaxed)
    }

    /// Its kernel takes what was typed, as much as there is room for, and gets to know how much: one caller at a time.
    pub fn take(&self, into: &mut [u8]) -> usize {
        let typed = self.typed.typed.load(Ordering::Acquire);
        let mut taken = self.taken.0.load(Ordering::Relaxed);
        if typed.wrapping_sub(taken) > INPUT as u64 {
            // No partition that keeps the rules types so much. None of it is believed.
            taken = typed;
        }
        let len = into.len().min(typed.wrapping_sub(taken) as usize);
        for (byte, place) in into[..len].iter_mut().zip(places(&self.input, taken)) {
            *byte = place.load(Ordering::Relaxed);
        }
        self.taken.0.store(taken.wrapping_add(len as u64), Ordering::Release);
        len
    }
}

#[cfg(test)]
mod tests;
