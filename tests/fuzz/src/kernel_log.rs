//! Another kernel's memory, in which its log is searched for and read.
//!
//! The memory is one with a whole kernel in it, which the bytes change: each change is three bytes of a place and eight
//! to be written there. If the first byte is odd, what is left becomes the vmcoreinfo.

#![no_main]
// The program's own modules, as they are there: what they have beyond reading a log is not used here.
#![allow(dead_code)]

#[path = "../../../cli/instance/src/kernel"]
mod kernel {
    pub(crate) mod fake;
    pub(crate) mod memory;
    pub(crate) mod note;
    pub(crate) mod paging;
    pub(crate) mod range;
    pub(crate) mod search;
}

#[path = "../../../cli/instance/src/log"]
mod log {
    pub(crate) mod fake;
    pub(crate) mod reader;
    pub(crate) mod ring;
    pub(crate) mod search;
    pub(crate) mod text;
}

use kernel::memory::Physical;
use libfuzzer_sys::fuzz_target;
use log::fake::Kernel;
use log::reader::Reader;
use log::{search, text};

/// Looks at a log. A kernel may write on and on: what is bounded is one look.
const LOOKS: u32 = 2;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let mut kernel = Kernel::new(3, 8);
    kernel.log_all(&["one", "two, which is longer", "three"]);
    let memory = kernel.memory();
    let range = memory.range();
    if kind & 1 == 1 {
        let len = bytes.len().min(4000);
        let text = String::from_utf8_lossy(&bytes[..len]);
        kernel.write_note(&format!("OSRELEASE={}", text.chars().take(4000 / 4).collect::<String>()));
    } else {
        for change in bytes.as_chunks::<11>().0 {
            let at = u64::from_le_bytes([change[0], change[1], change[2], 0, 0, 0, 0, 0]);
            let last = range.last() - range.first() - 7;
            memory.write(Physical(range.first() + at % last), &change[3..]);
        }
    }
    let Ok(ring) = search::log(&memory, &[range]) else { return };
    let mut reader = Reader::new(ring, 1);
    for _ in 0..LOOKS {
        if reader.look().is_err() {
            return;
        }
        while let Ok(Some(record)) = reader.next() {
            let _ = text::lines(&record);
        }
    }
});
