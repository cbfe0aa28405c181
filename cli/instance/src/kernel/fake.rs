//! A partition's memory.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::kernel::memory::{Memory, MemoryError, Physical};
use crate::kernel::range::MemoryRange;

/// Memory that others may write to while it is read.
#[derive(Clone)]
pub(crate) struct FakeMemory {
    base: u64,
    bytes: Rc<RefCell<Vec<u8>>>,
    /// The number of reads so far.
    pub(crate) reads: Rc<Cell<u64>>,
}

impl FakeMemory {
    pub(crate) fn new(base: Physical, len: usize) -> Self {
        Self { base: base.0, bytes: Rc::new(RefCell::new(vec![0; len])), reads: Rc::default() }
    }

    pub(crate) fn range(&self) -> MemoryRange {
        MemoryRange::new(self.base, self.base + self.bytes.borrow().len() as u64 - 1).unwrap()
    }

    pub(crate) fn write(&self, at: Physical, bytes: &[u8]) {
        let start = usize::try_from(at.0 - self.base).unwrap();
        self.bytes.borrow_mut()[start..start + bytes.len()].copy_from_slice(bytes);
    }

    /// The address at which these bytes lie first.
    pub(crate) fn find(&self, wanted: &[u8]) -> Physical {
        let at = self.bytes.borrow().windows(wanted.len()).position(|bytes| bytes == wanted);
        Physical(self.base + at.expect("they are there") as u64)
    }

    pub(crate) fn write_word(&self, at: Physical, word: u64) {
        self.write(at, &word.to_le_bytes());
    }
}

impl Memory for FakeMemory {
    fn read(&self, at: Physical, into: &mut [u8]) -> Result<(), MemoryError> {
        self.reads.set(self.reads.get() + 1);
        let bytes = self.bytes.borrow();
        let start = at.0.checked_sub(self.base).and_then(|start| usize::try_from(start).ok());
        let there = start.and_then(|start| bytes.get(start..start.checked_add(into.len())?));
        into.copy_from_slice(there.ok_or(MemoryError::Outside { at })?);
        Ok(())
    }
}
