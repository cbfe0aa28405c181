//! Rings as a kernel writes them, and damaged ones.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;

use proptest::prelude::*;

use super::*;
use crate::kernel::fake::FakeMemory;
use crate::kernel::memory::{Memory, MemoryError, PAGE, Physical};
use crate::kernel::search::SearchError;
use crate::log::fake::{Kernel, NOTE_PAGE, note_text};
use crate::log::reader::Reader;
use crate::log::search;
use crate::log::text;

fn records(memory: &FakeMemory, kernel: &Kernel) -> Vec<(u64, String)> {
    let mut reader = Reader::new(kernel.ring(memory), 0);
    reader.look().unwrap();
    let next = || reader.next().unwrap();
    let text = |record: Record| (record.nanoseconds, String::from_utf8(record.text).unwrap());
    std::iter::from_fn(next).map(text).collect()
}

fn kept(kernel: &Kernel) -> Vec<(u64, String)> {
    kernel.kept.iter().map(|(_, time, text)| (*time, text.clone())).collect()
}

#[test]
fn a_log_is_read_from_its_first_line() {
    let mut kernel = Kernel::new(4, 10);
    let memory = kernel.memory();
    assert_eq!(records(&memory, &kernel), []);
    kernel.log_all(&["Linux version", "", "two\nlines"]);
    let expected = [(1_000_001, "Linux version"), (2_000_002, ""), (3_000_003, "two\nlines")];
    assert_eq!(records(&memory, &kernel), expected.map(|(time, text)| (time, text.to_owned())));
}

#[test]
fn a_text_that_found_no_room_is_passed_over() {
    let mut kernel = Kernel::new(4, 7);
    let long = "x".repeat(100);
    kernel.log_all(&["before", &long, "after"]);
    let texts: Vec<_> = records(&kernel.memory(), &kernel).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["before", "after"]);
}

#[test]
fn a_record_whose_place_is_taken_is_gone() {
    let mut kernel = Kernel::new(1, 6);
    kernel.log_all(&["", "", "", ""]);
    let memory = kernel.memory();
    let ring = kernel.ring(&memory);
    let (tail, head) = ring.ends().unwrap();
    assert_eq!(head.after(tail), 1);
    assert_eq!(ring.entry(tail.before(1)).unwrap(), Entry::Gone);
    assert!(matches!(ring.entry(tail).unwrap(), Entry::Whole(_)));
    assert_eq!(ring.entry(head.next()).unwrap(), Entry::Gone);
}

#[test]
fn a_text_under_another_records_number_is_passed_over() {
    let mut kernel = Kernel::new(3, 8);
    kernel.log_all(&["mine", "theirs"]);
    let memory = kernel.memory();
    let text = memory.find(b"theirs");
    memory.write_word(Physical(text.0 - 8), 77);
    assert_eq!(records(&memory, &kernel), [(1_000_001, "mine".to_owned())]);
}

#[test]
fn a_text_ends_with_its_block_whatever_length_its_record_has() {
    let mut kernel = Kernel::new(3, 8);
    kernel.log_all(&["line"]);
    // The low bytes of the time, which are a large number.
    kernel.write_note(&note_text().replace("OFFSET(printk_info.text_len)=6", "OFFSET(printk_info.text_len)=24"));
    assert_eq!(records(&kernel.memory(), &kernel), [(1_000_001, "line\0\0\0\0".to_owned())]);
}

#[test]
fn every_line_of_the_note_is_needed_and_named_if_missing() {
    let kernel = Kernel::new(3, 8);
    let memory = kernel.memory();
    // The release is the first line of the page, and the record's own number is not needed.
    let unneeded = |line: &str| line.contains("OSRELEASE") || line.contains("printk_info.seq");
    for line in note_text().lines().filter(|line| !unneeded(line)) {
        kernel.write_note(&note_text().replace(line, "X=0"));
        let error = search::log(&memory, &[memory.range()]).err().expect("a note without it").to_string();
        let key = line.split_once('=').unwrap().0;
        assert!(error.ends_with(&format!(": its vmcoreinfo has no {key}")), "{error}");
    }
}

#[test]
fn memory_without_a_kernel_has_no_log() {
    let memory = FakeMemory::new(Physical(0x10_0000), 2 * PAGE as usize);
    let error = search::log(&memory, &[memory.range()]).err().unwrap().to_string();
    let expected =
        "no kernel log in 0x100000-0x101fff: the kernel there has not come so far yet, or is not a Linux kernel";
    assert_eq!(error, expected);
}

#[test]
fn a_page_that_only_looks_like_a_note_does_not_hide_the_kernels() {
    let mut kernel = Kernel::new(3, 8);
    kernel.log("found");
    let memory = kernel.memory();
    // The tables before it have room that is not used. This one would have its ring lie where only zeros are.
    let image = note_text().lines().find_map(|line| line.strip_prefix("SYMBOL(init_top_pgt)=").map(str::to_owned));
    let zeros = u64::from_str_radix(&image.unwrap(), 16).unwrap() + 0x1f00;
    let copy = note_text().replace("SYMBOL(prb)=", &format!("SYMBOL(prb)={zeros:x}\nOLD="));
    memory.write(memory.range().pages().next().unwrap(), copy.as_bytes());
    assert!(search::log(&memory, &[memory.range()]).is_ok());
    // Without the right one, the refusal says what is wrong.
    kernel.write_note("");
    let error = search::log(&memory, &[memory.range()]).err().unwrap();
    assert!(matches!(&error, SearchError::Refused { refused: 1, .. }), "{error}");
}

#[test]
fn a_ring_of_impossible_size_is_refused() {
    let kernel = Kernel::new(3, 8);
    let memory = kernel.memory();
    let descriptors = note_text().replace("OFFSET(prb_desc_ring.count_bits)=36", "OFFSET(prb_desc_ring.count_bits)=25");
    kernel.write_note(&descriptors);
    let error = search::log(&memory, &[memory.range()]).err().unwrap().to_string();
    assert!(error.contains("its ring would have 2^"), "{error}");
    for (old, new, expected) in [
        ("SIZE(prb_desc)=24", "SIZE(prb_desc)=23", "its prb_desc.state_var would lie at byte 16 of 23"),
        ("SIZE(prb_desc)=24", "SIZE(prb_desc)=4097", "its prb_desc.state_var would lie at byte 16 of 4097"),
        ("SIZE(printk_info)=40", "SIZE(printk_info)=4096", "is mapped to nothing, by its page table of level 1"),
    ] {
        kernel.write_note(&note_text().replace(old, new));
        let error = search::log(&memory, &[memory.range()]).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_ring_whose_ends_are_no_records_of_it_is_refused() {
    let mut kernel = Kernel::new(3, 8);
    kernel.log("line");
    let memory = kernel.memory();
    // Addresses in the place of ids.
    let others = [("head_id)=0", "head_id)=16"), ("tail_id)=8", "tail_id)=24")];
    kernel.write_note(&others.iter().fold(note_text(), |text, (old, new)| text.replace(old, new)));
    let error = search::log(&memory, &[memory.range()]).err().unwrap().to_string();
    assert!(error.contains("its ring would go from record ") && error.ends_with("neither is there"), "{error}");
}

/// Memory in which a kernel logs one more line at each of some reads.
struct Busy {
    memory: FakeMemory,
    kernel: RefCell<Kernel>,
    /// The reads at which a line is logged, the last first.
    at: RefCell<Vec<u64>>,
    /// How many lines have been logged.
    lines: Cell<u64>,
}

impl Busy {
    fn log(&self) {
        self.kernel.borrow_mut().log(&line(self.lines.get()));
        self.lines.set(self.lines.get() + 1);
    }
}

impl Memory for Busy {
    fn read(&self, at: Physical, into: &mut [u8]) -> Result<(), MemoryError> {
        while self.at.borrow_mut().pop_if(|read| *read <= self.memory.reads.get()).is_some() {
            self.log();
        }
        self.memory.read(at, into)
    }
}

/// The line with that number; lines with near numbers differ in length.
fn line(number: u64) -> String {
    let fill = char::from(b'a' + (number % 26) as u8).to_string();
    format!("{number} {}", fill.repeat((number * 7 % 40) as usize))
}

/// Reads everything that can be read.
fn read_all(memory: &FakeMemory) {
    if let Ok(ring) = search::log(memory, &[memory.range()]) {
        for patience in [0, 2] {
            let mut reader = Reader::new(ring_again(memory), patience);
            for _ in 0..3 {
                if reader.look().is_err() {
                    break;
                }
                while let Ok(Some(record)) = reader.next() {
                    assert!(!text::lines(&record).is_empty());
                }
            }
        }
        assert!(ring.capacity() > 0);
    }
}

fn ring_again(memory: &FakeMemory) -> Ring<'_, FakeMemory> {
    search::log(memory, &[memory.range()]).unwrap_or_else(|error| panic!("found a moment ago: {error}"))
}

proptest! {
    #[test]
    fn what_is_kept_is_read_and_nothing_else(
        count_bits in 1..=6_u32,
        text_bits in 6..=11_u32,
        lens in prop::collection::vec(0..=90_usize, 0..120),
    ) {
        let mut kernel = Kernel::new(count_bits, text_bits);
        for (number, len) in lens.into_iter().enumerate() {
            kernel.log(&format!("{number} ").repeat(len)[..len]);
        }
        prop_assert_eq!(records(&kernel.memory(), &kernel), kept(&kernel));
    }

    #[test]
    fn a_record_that_is_written_over_while_it_is_read_is_not_handed_out_torn(
        before in 0..40_u64,
        mut at in prop::collection::vec(0..1500_u64, 0..60),
    ) {
        at.sort_unstable_by_key(|read| Reverse(*read));
        let kernel = Kernel::new(3, 8);
        let memory = kernel.memory();
        let busy = Busy { memory, kernel: kernel.into(), at: RefCell::default(), lines: Cell::default() };
        (0..before).for_each(|_| busy.log());
        let mut reader = Reader::new(search::log(&busy, &[busy.memory.range()]).unwrap(), 0);
        busy.memory.reads.set(0);
        busy.at.replace(at);
        let mut first = 0;
        for quiet in [false, false, false, true] {
            if quiet {
                busy.at.take();
            }
            reader.look().unwrap();
            while let Some(Record { nanoseconds, text }) = reader.next().unwrap() {
                let text = String::from_utf8(text).unwrap();
                let number: u64 = text.split(' ').next().unwrap().parse().unwrap();
                prop_assert!(number >= first, "{} again or too late, when {} is due", text, first);
                prop_assert_eq!((text, nanoseconds), (line(number), (number + 1) * 1_000_001));
                first = number + 1;
            }
        }
        prop_assert_eq!(first, busy.lines.get(), "all is read in the end");
    }

    #[test]
    fn garbage_in_memory_neither_panics_nor_is_followed_for_ever(
        lines in prop::collection::vec("[ -~]{0,40}", 0..20),
        words in prop::collection::vec((0..13 * 512_u64, prop_oneof![any::<u64>(), 0..200_u64, Just(u64::MAX)]), 1..40),
    ) {
        let mut kernel = Kernel::new(4, 9);
        lines.iter().for_each(|line| kernel.log(line));
        let memory = kernel.memory();
        for (place, word) in words {
            memory.write_word(Physical(memory.range().first() + 8 * place), word);
        }
        read_all(&memory);
        prop_assert!(memory.reads.get() < 1_000_000, "{} reads", memory.reads.get());
    }

    #[test]
    fn garbage_in_the_ring_itself_neither_panics_nor_is_followed_for_ever(
        words in prop::collection::vec((0..40 * 8_u64, prop_oneof![any::<u64>(), 0..70_u64, Just(u64::MAX)]), 1..12),
    ) {
        let mut kernel = Kernel::new(4, 9);
        (0..20).for_each(|number| kernel.log(&"word ".repeat(number)));
        let memory = kernel.memory();
        for (place, word) in words {
            // Ring and pointers lie in the last page, descriptors in the one before.
            let from = memory.range().last() + 1 - 2 * PAGE;
            memory.write_word(Physical(from + 8 * (place * 13 % 1024)), word);
        }
        read_all(&memory);
        prop_assert!(memory.reads.get() < 1_000_000, "{} reads", memory.reads.get());
    }

    #[test]
    fn garbage_in_the_note_neither_panics_nor_is_followed_for_ever(
        line in 1..25_usize,
        value in prop_oneof![any::<u64>().prop_map(|value| value.to_string()), "[0-9a-f]{1,16}", "\\PC{0,9}"],
    ) {
        let mut kernel = Kernel::new(4, 9);
        (0..20).for_each(|number| kernel.log(&"word ".repeat(number)));
        let memory = kernel.memory();
        let changed = note_text().lines().enumerate().map(|(number, text)| match text.split_once('=') {
            Some((key, _)) if number == line => format!("{key}={value}\n"),
            _ => format!("{text}\n"),
        }).collect::<String>();
        kernel.write_note(&changed);
        read_all(&memory);
        prop_assert!(memory.reads.get() < 1_000_000, "{} reads", memory.reads.get());
    }
}

#[test]
fn the_note_lies_where_the_fake_says() {
    let kernel = Kernel::new(1, 6);
    let memory = kernel.memory();
    let found = crate::kernel::note::candidates(&memory, &[memory.range()]).collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(found, [Physical(memory.range().first() + NOTE_PAGE * PAGE)]);
}
