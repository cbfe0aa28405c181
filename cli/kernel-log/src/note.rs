//! *vmcoreinfo*: what a Linux kernel writes down of itself for those who read its memory after a crash (Linux
//! `Documentation/admin-guide/kdump/vmcoreinfo.rst`).
//!
//! It is lines of text in a page of their own, which the kernel fills in the middle of its start (`subsys_initcall`); only
//! the last line is added by a crash. Where that page is, nobody outside is told. So every page is looked at, and as other
//! pages may look alike (a file, an older kernel's), a page that begins so is only a *candidate*.

use crate::memory::{Fault, Memory, PAGE, Physical};
use crate::range::MemoryRange;

/// How a note begins.
const BEGIN: &[u8; 10] = b"OSRELEASE=";
/// A note is not longer. It is one page today.
const MOST: usize = 4 * PAGE as usize;

/// The text of a note.
pub(crate) struct Note(String);

/// What a note lacks.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum NoteError {
    /// A line.
    #[error("its vmcoreinfo has no {0}")]
    Missing(String),
    /// A number in it.
    #[error("its vmcoreinfo has a {key} of {value:?}, which is no number")]
    NoNumber {
        /// Which line.
        key: String,
        /// What it says.
        value: String,
    },
}

/// The pages in these ranges that begin as a note does, and those that cannot be read.
pub(crate) fn candidates<'a>(
    memory: &'a impl Memory,
    ranges: &'a [MemoryRange],
) -> impl Iterator<Item = Result<Physical, Fault>> + 'a {
    let candidate = |page: Physical| {
        let mut begin = [0; BEGIN.len()];
        match memory.read(page, &mut begin) {
            Ok(()) => (begin == *BEGIN).then_some(Ok(page)),
            Err(fault) => Some(Err(fault)),
        }
    };
    ranges.iter().flat_map(|range| range.pages()).filter_map(candidate)
}

impl Note {
    /// The note that begins there; `None` if what is there is no text.
    pub(crate) fn read(memory: &impl Memory, at: Physical) -> Option<Note> {
        let mut text = Vec::new();
        let mut page = [0; PAGE as usize];
        while text.len() < MOST && !text.contains(&0) {
            let at = Physical(at.0.checked_add(text.len() as u64)?);
            if memory.read(at, &mut page).is_err() {
                break;
            }
            text.extend_from_slice(&page);
        }
        let len = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        text.truncate(len);
        String::from_utf8(text).ok().map(Note)
    }

    /// `OSRELEASE`: what `uname -r` says there.
    pub(crate) fn release(&self) -> Option<&str> {
        self.value("OSRELEASE")
    }

    /// A virtual address.
    pub(crate) fn symbol(&self, name: &str) -> Result<u64, NoteError> {
        self.number(format!("SYMBOL({name})"), |value| u64::from_str_radix(value, 16).ok())
    }

    /// Bytes of a structure.
    pub(crate) fn size(&self, of: &str) -> Result<u64, NoteError> {
        self.number(format!("SIZE({of})"), |value| value.parse().ok())
    }

    /// Where in its structure a field lies, which is given as `structure.field`.
    pub(crate) fn offset(&self, of: &str) -> Result<u64, NoteError> {
        self.number(format!("OFFSET({of})"), |value| value.parse().ok())
    }

    /// A number that may be negative.
    pub(crate) fn signed(&self, name: &str) -> Result<i64, NoteError> {
        self.number(format!("NUMBER({name})"), |value| value.parse().ok())
    }

    fn number<T>(&self, key: String, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, NoteError> {
        match self.value(&key) {
            None => Err(NoteError::Missing(key)),
            Some(value) => parse(value).ok_or_else(|| NoteError::NoNumber { key, value: value.to_owned() }),
        }
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    /// A page of zeros, a page with this text, and two of zeros.
    fn memory(text: &str) -> Fake {
        let fake = Fake::new(Physical(0x10_0000), 4 * PAGE as usize);
        fake.write(Physical(0x10_1000), text.as_bytes());
        fake
    }

    fn note(text: &str) -> Note {
        Note::read(&memory(text), Physical(0x10_1000)).unwrap()
    }

    #[test]
    fn only_a_page_that_begins_like_a_note_is_a_candidate() {
        let found = |text: &str| {
            let fake = memory(text);
            candidates(&fake, &[fake.range()]).collect::<Result<Vec<_>, _>>().unwrap()
        };
        assert_eq!(found("OSRELEASE=6.1\n"), [Physical(0x10_1000)]);
        assert_eq!(found("\nOSRELEASE=6.1\n"), []);
    }

    #[test]
    fn lines_of_a_note_are_found_by_their_keys() {
        let note = note("OSRELEASE=6.1.0\nSYMBOL(prb)=ffffffff82000010\nSIZE(list)=16\nOFFSET(a.b)=8\nNUMBER(n)=-5\n");
        assert_eq!(note.release(), Some("6.1.0"));
        assert_eq!(note.symbol("prb"), Ok(0xffff_ffff_8200_0010));
        assert_eq!((note.size("list"), note.offset("a.b"), note.signed("n")), (Ok(16), Ok(8), Ok(-5)));
        assert_eq!(note.size("lis"), Err(NoteError::Missing("SIZE(lis)".to_owned())));
    }

    #[test]
    fn what_is_no_number_is_told() {
        let note = note("OSRELEASE=x\nSIZE(list)=-1\n");
        let error = note.size("list").unwrap_err();
        assert_eq!(error.to_string(), "its vmcoreinfo has a SIZE(list) of \"-1\", which is no number");
    }

    #[test]
    fn a_note_without_an_end_ends_with_the_memory() {
        let fake = memory(&"x".repeat(3 * PAGE as usize));
        assert_eq!(Note::read(&fake, Physical(0x10_1000)).unwrap().0.len(), 3 * PAGE as usize);
        assert!(Note::read(&memory("\u{1}\u{7f}"), Physical(0x10_1000)).is_some());
        let fake = memory("");
        fake.write(Physical(0x10_1000), &[0xff; 8]);
        assert!(Note::read(&fake, Physical(0x10_1000)).is_none(), "no text");
    }
}
