//! What is to be done before a partition's kernel is entered, as a list that the resident part of the boot image carries
//! out: at the first start, and whenever the partition starts again.
//!
//! The planner records it ([`crate::apply`]), so that nothing has to be planned later, and no memory allocated. It is bytes:
//! one after another, each a byte that says which [`Step`], then its numbers, little-endian.
//!
//! The first part of a list is for later starts only: it brings devices and memory back to how the first start finds them.

use alloc::vec::Vec;

use crate::address::MemoryRange;
use crate::machine::Entry;

/// One thing to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step<'a> {
    /// Fill with zeros.
    Zero(MemoryRange),
    /// Copy to the same number of bytes at that address. The two do not overlap.
    Copy(MemoryRange, u64),
    /// Write bytes to an address.
    Write(u64, &'a [u8]),
    /// Clear and set bits of the 16-bit register at that address of PCI configuration space.
    Update {
        /// The register.
        register: u64,
        /// Bits to clear.
        clear: u16,
        /// Bits to set.
        set: u16,
    },
    /// Write a 32-bit register at that address of PCI configuration space.
    Configure(u64, u32),
    /// Wait so many microseconds.
    Pause(u64),
    /// Make random bytes, and write them and their length into the seed at that address, see [`crate::view::seed_entry`].
    Seed(u64),
    /// Enter the kernel. Nothing follows.
    Enter(Entry),
}

const ZERO: u8 = 1;
const COPY: u8 = 2;
const WRITE: u8 = 3;
const UPDATE: u8 = 4;
const CONFIGURE: u8 = 5;
const PAUSE: u8 = 6;
const SEED: u8 = 7;
const ENTER: u8 = 8;

/// A list as it is recorded.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct LoadList {
    bytes: Vec<u8>,
    first_start: usize,
}

impl LoadList {
    /// Adds a step.
    pub fn push(&mut self, step: Step<'_>) {
        match step {
            Step::Zero(range) => self.numbers(ZERO, &[range.start(), range.len()]),
            Step::Copy(from, to) => self.numbers(COPY, &[from.start(), from.len(), to]),
            Step::Write(to, bytes) => {
                self.numbers(WRITE, &[to, bytes.len() as u64]);
                self.bytes.extend_from_slice(bytes);
            }
            Step::Update { register, clear, set } => {
                self.numbers(UPDATE, &[register, u64::from(clear) << 16 | u64::from(set)]);
            }
            Step::Configure(register, value) => self.numbers(CONFIGURE, &[register, value.into()]),
            Step::Pause(us) => self.numbers(PAUSE, &[us]),
            Step::Seed(entry) => self.numbers(SEED, &[entry]),
            Step::Enter(entry) => self.numbers(ENTER, &[entry.address, entry.zero_page]),
        }
    }

    /// The first start of a box begins with the step that is added next.
    pub fn begin_first_start(&mut self) {
        self.first_start = self.bytes.len();
    }

    /// All of it, as [`steps`] reads it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The part for the first start.
    pub fn first_start(&self) -> &[u8] {
        &self.bytes[self.first_start..]
    }

    fn numbers(&mut self, step: u8, numbers: &[u64]) {
        self.bytes.push(step);
        numbers.iter().for_each(|number| self.bytes.extend(number.to_le_bytes()));
    }
}

/// What is no list: it was damaged since it was recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Damaged;

/// The steps of a list. The first that is damaged is the last.
pub fn steps(bytes: &[u8]) -> impl Iterator<Item = Result<Step<'_>, Damaged>> {
    let mut rest = Some(bytes);
    core::iter::from_fn(move || {
        let mut reader = Reader(rest.filter(|rest| !rest.is_empty())?);
        let step = reader.step();
        rest = step.is_some().then_some(reader.0);
        Some(step.ok_or(Damaged))
    })
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn step(&mut self) -> Option<Step<'a>> {
        let [step] = self.array()?;
        Some(match step {
            ZERO => Step::Zero(self.range()?),
            COPY => Step::Copy(self.range()?, self.number()?),
            WRITE => {
                let to = self.number()?;
                let len = usize::try_from(self.number()?).ok()?;
                Step::Write(to, self.bytes(len)?)
            }
            UPDATE => {
                let (register, bits) = (self.number()?, self.number()?);
                Step::Update { register, clear: (bits >> 16) as u16, set: bits as u16 }
            }
            CONFIGURE => Step::Configure(self.number()?, self.number()? as u32),
            PAUSE => Step::Pause(self.number()?),
            SEED => Step::Seed(self.number()?),
            ENTER => Step::Enter(Entry { address: self.number()?, zero_page: self.number()? }),
            _ => return None,
        })
    }

    fn range(&mut self) -> Option<MemoryRange> {
        let (start, len) = (self.number()?, self.number()?);
        MemoryRange::with_len(start, len)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn array<const LEN: usize>(&mut self) -> Option<[u8; LEN]> {
        self.bytes(LEN)?.try_into().ok()
    }

    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: MemoryRange = MemoryRange::new(0x20_0000, 0x60_0000).unwrap();

    fn samples() -> [Step<'static>; 8] {
        [
            Step::Update { register: 0xb010_0004, clear: 4, set: 0x400 },
            Step::Configure(0xb010_0010, 0xfe00_0000),
            Step::Pause(100_000),
            Step::Zero(RANGE),
            Step::Copy(RANGE, 0x80_0000),
            Step::Write(0x1000, b"APIC"),
            Step::Seed(0xa000),
            Step::Enter(Entry { address: 0x100_0200, zero_page: 0x8000 }),
        ]
    }

    fn recorded() -> LoadList {
        let mut list = LoadList::default();
        samples().into_iter().for_each(|step| list.push(step));
        list
    }

    #[test]
    fn what_is_recorded_is_read() {
        let list = recorded();
        let read: Result<Vec<_>, _> = steps(list.bytes()).collect();
        assert_eq!(read.unwrap(), samples());
    }

    #[test]
    fn the_first_start_leaves_out_what_precedes_it() {
        let mut list = LoadList::default();
        list.push(Step::Zero(RANGE));
        list.begin_first_start();
        list.push(Step::Seed(0xa000));
        assert_eq!(steps(list.bytes()).count(), 2);
        assert_eq!(steps(list.first_start()).collect::<Vec<_>>(), [Ok(Step::Seed(0xa000))]);
    }

    #[test]
    fn a_list_that_is_cut_or_overwritten_ends_at_the_damage() {
        let list = recorded();
        for len in 0..list.bytes().len() {
            let read: Vec<_> = steps(&list.bytes()[..len]).collect();
            let whole = read.iter().take_while(|step| step.is_ok()).count();
            assert!(read.len() - whole <= 1, "at most one error, at the end");
            assert_eq!(read[..whole].iter().map(|step| step.unwrap()).collect::<Vec<_>>(), samples()[..whole]);
        }
        assert_eq!(steps(&[0xff; 40]).collect::<Vec<_>>(), [Err(Damaged)]);
        assert_eq!(steps(&[ZERO; 40]).last(), Some(Err(Damaged)), "a range that is none");
    }
}
