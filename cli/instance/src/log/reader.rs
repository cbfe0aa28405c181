//! Reads a log from its oldest record on; a reader that follows a log continues where it was.

use crate::kernel::memory::Memory;
use crate::log::ring::{Entry, Id, Record, Ring, RingError};

/// Records whose numbers differ by more than this are not of one log: no kernel writes so many.
const MOST_APART: u64 = 1 << 48;

/// A reader of a log: [`Reader::look`] finds which records there are, [`Reader::next`] returns them one by one.
pub(crate) struct Reader<'m, M> {
    ring: Ring<'m, M>,
    /// The record to return next; `None` at first, which means the oldest.
    next: Option<Id>,
    /// The record after the newest that was found.
    end: Option<Id>,
    /// How often an incomplete record is met before it is accepted as it is, because the kernel may have stopped in the
    /// middle of it.
    patience: u32,
    /// How often the next record was met.
    met: u32,
}

/// Why reading failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReaderError {
    /// The ring is not readable any more.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// The newest record is older than one that was read before.
    #[error("the newest record is {newest}, and there was a record {last} before: another kernel has begun there")]
    Restarted {
        /// The newest record now.
        newest: Id,
        /// The record that was due next.
        last: Id,
    },
}

impl<'m, M: Memory> Reader<'m, M> {
    /// A reader of this log that meets an incomplete record `patience` times before it accepts it; 0 for a single pass,
    /// which returns everything.
    pub(crate) fn new(ring: Ring<'m, M>, patience: u32) -> Self {
        Self { ring, next: None, end: None, patience, met: 0 }
    }

    /// Finds which records there are now. Returns how many were overwritten before they were returned.
    pub(crate) fn look(&mut self) -> Result<u64, ReaderError> {
        let (tail, head) = self.ring.ends()?;
        let end = head.next();
        let left = end.after(self.next.unwrap_or(tail));
        if let Some(next) = self.next
            && left > MOST_APART
        {
            return Err(ReaderError::Restarted { newest: head, last: next });
        }
        let kept = left.min(end.after(tail)).min(self.ring.capacity());
        self.next = Some(end.before(kept));
        self.end = Some(end);
        Ok(left - kept)
    }

    /// The next record that was found; `None` if there is none, or if it is not complete yet.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, ReaderError> {
        while let Some(next) = self.next
            && self.next != self.end
        {
            let entry = self.ring.entry(next)?;
            if matches!(entry, Entry::Open(_) | Entry::Unfinished) && self.met < self.patience {
                self.met += 1;
                return Ok(None);
            }
            self.met = 0;
            self.next = Some(next.next());
            if let Entry::Whole(record) | Entry::Open(record) = entry {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fake::FakeMemory;
    use crate::log::fake::Kernel;

    fn read(reader: &mut Reader<'_, FakeMemory>) -> (u64, Vec<String>) {
        let missed = reader.look().unwrap();
        let mut texts = Vec::new();
        while let Some(record) = reader.next().unwrap() {
            texts.push(String::from_utf8(record.text).unwrap());
        }
        (missed, texts)
    }

    #[test]
    fn a_follower_gets_each_record_once() {
        let mut kernel = Kernel::new(3, 8);
        kernel.log("one");
        let memory = kernel.memory();
        let mut reader = Reader::new(kernel.ring(&memory), 5);
        assert_eq!(read(&mut reader), (0, vec!["one".to_owned()]));
        assert_eq!(read(&mut reader), (0, vec![]));
        kernel.log("two");
        kernel.log("three");
        assert_eq!(read(&mut reader), (0, vec!["two".to_owned(), "three".to_owned()]));
    }

    #[test]
    fn a_follower_that_comes_too_late_learns_how_many_it_missed() {
        let mut kernel = Kernel::new(2, 10);
        kernel.log("0");
        let memory = kernel.memory();
        let mut reader = Reader::new(kernel.ring(&memory), 5);
        read(&mut reader);
        for number in 1..=10 {
            kernel.log(&number.to_string());
        }
        assert_eq!(read(&mut reader), (6, ["7", "8", "9", "10"].map(str::to_owned).to_vec()));
    }

    #[test]
    fn records_dropped_for_lack_of_room_for_text_count_as_missed() {
        let mut kernel = Kernel::new(5, 7);
        kernel.log("0");
        let memory = kernel.memory();
        let mut reader = Reader::new(kernel.ring(&memory), 5);
        read(&mut reader);
        for number in 1..=10 {
            kernel.log(&format!("{number:024}"));
        }
        let texts = kernel.kept.iter().map(|(.., text)| text.clone()).collect::<Vec<_>>();
        assert_eq!(read(&mut reader), (10 - texts.len() as u64, texts));
    }

    #[test]
    fn a_follower_waits_for_a_record_that_is_not_complete_but_not_for_ever() {
        let mut kernel = Kernel::new(3, 8);
        kernel.log("before");
        let unfinished = kernel.reserve("torn");
        kernel.log("after");
        let memory = kernel.memory();
        let mut reader = Reader::new(kernel.ring(&memory), 2);
        assert_eq!(read(&mut reader).1, ["before"]);
        assert_eq!(read(&mut reader).1, [""; 0]);
        assert_eq!(read(&mut reader).1, ["after"]);
        // One that comes to its end in time is not lost.
        let mut reader = Reader::new(kernel.ring(&memory), 2);
        assert_eq!(read(&mut reader).1, ["before"]);
        kernel.finalize(unfinished);
        assert_eq!(read(&mut reader).1, ["torn", "after"]);
    }

    #[test]
    fn one_look_shows_what_was_committed_and_passes_over_what_was_not() {
        let mut kernel = Kernel::new(3, 8);
        kernel.reserve("torn");
        let open = kernel.reserve("open");
        kernel.commit(open);
        kernel.log("last");
        let memory = kernel.memory();
        assert_eq!(read(&mut Reader::new(kernel.ring(&memory), 0)).1, ["open", "last"]);
    }

    #[test]
    fn another_kernel_in_the_same_place_is_noticed() {
        let mut kernel = Kernel::new(3, 8);
        kernel.log_all(&["one", "two", "three"]);
        let memory = kernel.memory();
        let mut reader = Reader::new(kernel.ring(&memory), 0);
        read(&mut reader);
        kernel.start_again();
        let error = reader.look().unwrap_err();
        assert!(matches!(error, ReaderError::Restarted { .. }), "{error}");
    }
}
