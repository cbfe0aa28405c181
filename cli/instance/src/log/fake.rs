//! A kernel's memory: page tables, vmcoreinfo, and a ring that is written as Linux does.
//!
//! Its structures have their fields in another order than any real kernel's, so a reader can know the order only from
//! vmcoreinfo. Its virtual pages lie in memory back to front, so that an error at a page boundary shows.

use std::fmt::Write;

use crate::kernel::fake::FakeMemory;
use crate::kernel::memory::{Memory, PAGE, Physical};
use crate::kernel::note::Note;
use crate::log::ring::Ring;

/// Where the kernel's memory begins, and the virtual address of its image's first page.
const BASE: u64 = 0x4000_0000;
const START: u64 = 0xffff_ffff_8000_0000 + IMAGE_OFFSET;
const IMAGE_OFFSET: u64 = 0x6d40_0000;
/// Numbers of pages: tables of four levels come first, then vmcoreinfo, then the mapped pages.
pub(crate) const NOTE_PAGE: u64 = 4;
const MAPPED_FROM: u64 = 5;
const MAPPED: u64 = 8;
/// Offsets from `START`.
const PRB_POINTER: u64 = 0x10;
const PRB: u64 = 0x100;
const DESCS: u64 = 0xfe8;
const INFOS: u64 = 0x2010;
const TEXT: u64 = 0x4ff0;
/// Sizes of structures, and the offsets of their fields, in bytes.
const RING_SIZE: u64 = 96;
const DESC_SIZE: u64 = 24;
const INFO_SIZE: u64 = 40;
const DESC_RING: u64 = 40;
const TEXT_RING: u64 = 8;
const FIELDS: [(&str, u64); 16] = [
    ("printk_ringbuffer.desc_ring", DESC_RING),
    ("printk_ringbuffer.text_data_ring", TEXT_RING),
    ("prb_desc_ring.head_id", 0),
    ("prb_desc_ring.tail_id", 8),
    ("prb_desc_ring.infos", 16),
    ("prb_desc_ring.descs", 24),
    ("prb_desc_ring.count_bits", 36),
    ("prb_data_ring.data", 16),
    ("prb_data_ring.size_bits", 0),
    ("prb_desc.text_blk_lpos", 0),
    ("prb_data_blk_lpos.next", 0),
    ("prb_data_blk_lpos.begin", 8),
    ("prb_desc.state_var", 16),
    ("printk_info.text_len", 6),
    ("printk_info.ts_nsec", 24),
    ("printk_info.seq", 32),
];
const ID: u64 = u64::MAX >> 2;
const COMMITTED: u64 = 1 << 62;
const FINALIZED: u64 = 2 << 62;
const REUSABLE: u64 = 3 << 62;
/// Positions of a record whose text found no room.
const NO_ROOM: u64 = 1;
/// Positions of a record without text.
const EMPTY: u64 = 3;

/// A kernel that does nothing but log.
pub(crate) struct Kernel {
    memory: FakeMemory,
    count: u64,
    text_len: u64,
    tail: u64,
    head: u64,
    text_tail: u64,
    text_head: u64,
    /// The records that the ring still holds: id, time and text.
    pub(crate) kept: Vec<(u64, u64, String)>,
    now: u64,
}

impl Kernel {
    /// A kernel whose ring has room for 2 to the power of `count_bits` records and of `text_bits` bytes of text.
    pub(crate) fn new(count_bits: u32, text_bits: u32) -> Kernel {
        assert!(count_bits <= 6 && text_bits <= 13, "it has to fit");
        let memory = FakeMemory::new(Physical(BASE), usize::try_from((MAPPED_FROM + MAPPED) * PAGE).unwrap());
        let (count, text_len) = (1 << count_bits, 1 << text_bits);
        let first = (ID + 1 - (count + 1)) & ID;
        let begin = 0_u64.wrapping_sub(text_len);
        let kernel = Kernel {
            memory,
            count,
            text_len,
            tail: first,
            head: first,
            text_tail: begin,
            text_head: begin,
            kept: Vec::new(),
            now: 0,
        };
        kernel.map();
        kernel.write_note(&note_text());
        kernel.write(PRB_POINTER, &(START + PRB).to_le_bytes());
        kernel.write(PRB + TEXT_RING, &text_bits.to_le_bytes());
        kernel.write(PRB + TEXT_RING + 16, &(START + TEXT).to_le_bytes());
        kernel.write(PRB + DESC_RING + 16, &(START + INFOS).to_le_bytes());
        kernel.write(PRB + DESC_RING + 24, &(START + DESCS).to_le_bytes());
        kernel.write(PRB + DESC_RING + 36, &count_bits.to_le_bytes());
        kernel.set_state(first, REUSABLE);
        kernel.write_ends();
        kernel
    }

    pub(crate) fn memory(&self) -> FakeMemory {
        self.memory.clone()
    }

    pub(crate) fn ring<'m>(&self, memory: &'m FakeMemory) -> Ring<'m, FakeMemory> {
        let note = Note::read(memory, Physical(BASE + NOTE_PAGE * PAGE)).unwrap();
        Ring::open(memory, &note).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Replaces vmcoreinfo.
    pub(crate) fn write_note(&self, text: &str) {
        let mut page = text.as_bytes().to_vec();
        page.resize(PAGE as usize, 0);
        self.memory.write(Physical(BASE + NOTE_PAGE * PAGE), &page);
    }

    /// Logs a line.
    pub(crate) fn log(&mut self, text: &str) {
        let id = self.reserve(text);
        self.finalize(id);
    }

    pub(crate) fn log_all(&mut self, texts: &[&str]) {
        texts.iter().for_each(|text| self.log(text));
    }

    /// Writes a record without committing it.
    pub(crate) fn reserve(&mut self, text: &str) -> u64 {
        self.head = (self.head + 1) & ID;
        if self.head.wrapping_sub(self.count) & ID == self.tail {
            self.drop_tail();
        }
        let id = self.head;
        self.set_state(id, 0);
        self.write_ends();
        self.now += 1_000_001;
        let (begin, next) = self.place(id, text);
        self.write_desc(id, begin, next);
        let info = INFOS + id % self.count * INFO_SIZE;
        self.write(info + 6, &u16::try_from(text.len()).unwrap().to_le_bytes());
        self.write(info + 24, &self.now.to_le_bytes());
        if begin != NO_ROOM {
            self.kept.push((id, self.now, text.to_owned()));
        }
        id
    }

    pub(crate) fn commit(&self, id: u64) {
        self.set_state(id, COMMITTED);
    }

    pub(crate) fn finalize(&self, id: u64) {
        self.set_state(id, FINALIZED);
    }

    /// Makes the ring that of another kernel in the same place.
    pub(crate) fn start_again(&mut self) {
        self.head = (ID + 1 - (self.count + 1)) & ID;
        self.tail = self.head;
        self.write_ends();
    }

    /// Finds room for a text and writes it. Returns the positions of its block.
    fn place(&mut self, id: u64, text: &str) -> (u64, u64) {
        if text.is_empty() {
            return (EMPTY, EMPTY);
        }
        let len = (8 + text.len() as u64).next_multiple_of(8);
        if len > self.text_len / 2 {
            return (NO_ROOM, NO_ROOM);
        }
        let begin = self.text_head;
        let mut next = begin.wrapping_add(len);
        let crosses = begin / self.text_len != next.wrapping_sub(1) / self.text_len;
        if crosses {
            next = next - next % self.text_len + len;
        }
        while next.wrapping_sub(self.text_tail) > self.text_len {
            self.drop_tail();
        }
        self.text_head = next;
        let start = TEXT + if crosses { 0 } else { begin % self.text_len };
        self.write(TEXT + begin % self.text_len, &id.to_le_bytes());
        self.write(start, &id.to_le_bytes());
        self.write(start + 8, text.as_bytes());
        (begin, next)
    }

    /// Drops the oldest record and its text.
    fn drop_tail(&mut self) {
        let id = self.tail;
        self.set_state(id, REUSABLE);
        let next = self.word(DESCS + id % self.count * DESC_SIZE);
        if next & 1 == 0 && self.kept.first().is_some_and(|(first, ..)| *first == id) {
            self.text_tail = next;
        }
        self.kept.retain(|(kept, ..)| *kept != id);
        self.tail = (id + 1) & ID;
        self.write_ends();
    }

    fn set_state(&self, id: u64, state: u64) {
        self.write(DESCS + id % self.count * DESC_SIZE + 16, &(state | id).to_le_bytes());
    }

    fn write_desc(&self, id: u64, begin: u64, next: u64) {
        let desc = DESCS + id % self.count * DESC_SIZE;
        self.write(desc, &next.to_le_bytes());
        self.write(desc + 8, &begin.to_le_bytes());
    }

    fn write_ends(&self) {
        self.write(PRB + DESC_RING, &self.head.to_le_bytes());
        self.write(PRB + DESC_RING + 8, &self.tail.to_le_bytes());
    }

    /// Writes tables of four levels that map the pages back to front.
    fn map(&self) {
        const PRESENT: u64 = 1;
        for level in 0..3 {
            let number = START >> (39 - 9 * level) & 511;
            let entry = (BASE + (level + 1) * PAGE) | PRESENT;
            self.memory.write_word(Physical(BASE + level * PAGE + 8 * number), entry);
        }
        for page in 0..MAPPED {
            let number = (START >> 12 & 511) + page;
            let entry = (BASE + (MAPPED_FROM + MAPPED - 1 - page) * PAGE) | PRESENT;
            self.memory.write_word(Physical(BASE + 3 * PAGE + 8 * number), entry);
        }
    }

    /// The physical address of a byte of the image.
    fn place_of(offset: u64) -> Physical {
        let page = MAPPED_FROM + MAPPED - 1 - offset / PAGE;
        Physical(BASE + page * PAGE + offset % PAGE)
    }

    fn write(&self, offset: u64, bytes: &[u8]) {
        for (number, byte) in (0..).zip(bytes) {
            self.memory.write(Self::place_of(offset + number), &[*byte]);
        }
    }

    fn word(&self, offset: u64) -> u64 {
        let mut word = [0; 8];
        self.memory.read(Self::place_of(offset), &mut word).unwrap();
        u64::from_le_bytes(word)
    }
}

/// The kernel's vmcoreinfo.
pub(crate) fn note_text() -> String {
    let tables = i64::try_from(BASE).unwrap() - i64::try_from(IMAGE_OFFSET).unwrap();
    let mut text = format!("OSRELEASE=6.99.0-fake\nSYMBOL(prb)={:x}\n", START + PRB_POINTER);
    for (name, size) in [("printk_ringbuffer", RING_SIZE), ("prb_desc", DESC_SIZE), ("printk_info", INFO_SIZE)] {
        writeln!(text, "SIZE({name})={size}").unwrap();
    }
    for (name, offset) in FIELDS {
        writeln!(text, "OFFSET({name})={offset}").unwrap();
    }
    write!(text, "NUMBER(phys_base)={tables}\nSYMBOL(init_top_pgt)={START:x}\nNUMBER(pgtable_l5_enabled)=0\n").unwrap();
    text
}
