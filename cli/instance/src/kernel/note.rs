//! *vmcoreinfo*: the description of itself that a Linux kernel keeps for tools that read its memory after a crash
//! (Linux `Documentation/admin-guide/kdump/vmcoreinfo.rst`).
//!
//! It is lines of text in a page of their own, which the kernel fills in the middle of its start (`subsys_initcall`);
//! only the last line is added by a crash. Nothing outside of the kernel says where that page is. So every page is
//! looked at. Because other pages may look alike (a file, an older kernel's), a page that begins like a note is only a
//! *candidate*.

use crate::kernel::memory::{Memory, MemoryError, PAGE, Physical};
use crate::kernel::range::MemoryRange;

/// The first bytes of a note.
const BEGIN: &[u8; 10] = b"OSRELEASE=";
/// The most bytes of a note that are read. A note has one page today.
const MOST: usize = 4 * PAGE as usize;

/// The text of a note.
pub(crate) struct Note(String);

/// What is wrong with a note.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum NoteError {
    /// A line is missing.
    #[error("its vmcoreinfo has no {0}")]
    Missing(String),
    /// A value is not a number.
    #[error("its vmcoreinfo has a {key} of {value:?}, which is not a number")]
    NoNumber {
        /// The key of the line.
        key: String,
        /// Its value.
        value: String,
    },
}

/// The pages in these ranges that begin like a note, and an error for each page that cannot be read.
pub(crate) fn candidates<'a>(
    memory: &'a impl Memory,
    ranges: &'a [MemoryRange],
) -> impl Iterator<Item = Result<Physical, MemoryError>> + 'a {
    let candidate = |page: Physical| {
        let mut begin = [0; BEGIN.len()];
        match memory.read(page, &mut begin) {
            Ok(()) => (begin == *BEGIN).then_some(Ok(page)),
            Err(error) => Some(Err(error)),
        }
    };
    ranges.iter().flat_map(|range| range.pages()).filter_map(candidate)
}

impl Note {
    /// Reads the note that begins at `at`; `None` if there is no text.
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

    /// All of it.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// `OSRELEASE`: that kernel's release, as `uname -r` prints it.
    pub(crate) fn release(&self) -> Option<&str> {
        self.value("OSRELEASE")
    }

    /// The virtual address of a symbol.
    pub(crate) fn symbol(&self, name: &str) -> Result<u64, NoteError> {
        self.number(format!("SYMBOL({name})"), |value| u64::from_str_radix(value, 16).ok())
    }

    /// The size of a structure in bytes.
    pub(crate) fn size(&self, of: &str) -> Result<u64, NoteError> {
        self.number(format!("SIZE({of})"), |value| value.parse().ok())
    }

    /// The offset in bytes of a field, which is named `structure.field`, in its structure.
    pub(crate) fn offset(&self, of: &str) -> Result<u64, NoteError> {
        self.number(format!("OFFSET({of})"), |value| value.parse().ok())
    }

    /// A number, which may be negative.
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
    use crate::kernel::fake::FakeMemory;

    /// A page of zeros, a page with this text, and two of zeros.
    fn memory(text: &str) -> FakeMemory {
        let fake = FakeMemory::new(Physical(0x10_0000), 4 * PAGE as usize);
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
    fn a_value_that_is_not_a_number_is_an_error() {
        let note = note("OSRELEASE=x\nSIZE(list)=-1\n");
        let error = note.size("list").unwrap_err();
        assert_eq!(error.to_string(), "its vmcoreinfo has a SIZE(list) of \"-1\", which is not a number");
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
