//! The registers of a partition's cores, as its driver has kept them in its own memory when they stopped, and the notes of a
//! core file with them.

use control::registers::{COUNT, LEN};

use crate::kernel::memory::{Memory, Physical};

/// Bytes of a word.
const WORD: usize = 8;
/// Words that are read of each core: whether they are kept, the process, the registers.
const WORDS: usize = 2 + COUNT;
/// Bytes of Linux's `struct elf_prstatus`, and where in it the number of the process and the registers are.
const STATUS: usize = 336;
const STATUS_PROCESS: usize = 32;
const STATUS_REGISTERS: usize = 112;

/// The `elf_prstatus` of each core, in the order of the cores; empty if those of none are kept. One whose registers are not
/// kept has zeros: tools count the cores by these notes.
pub(super) fn statuses<M: Memory>(memory: &M, at: u64, cores: usize) -> Vec<Vec<u8>> {
    let all: Vec<_> = (0..cores as u64).map(|core| read(memory, at, core)).collect();
    if at == 0 || all.iter().all(Option::is_none) {
        return Vec::new();
    }
    all.into_iter().map(|words| status(words.as_ref())).collect()
}

/// What is kept of a core. The other kernel may have written anything, anywhere.
fn read<M: Memory>(memory: &M, at: u64, core: u64) -> Option<[u64; WORDS]> {
    let at = core.checked_mul(LEN).and_then(|offset| at.checked_add(offset))?;
    let mut bytes = [0; WORDS * WORD];
    memory.read(Physical(at), &mut bytes).ok()?;
    let mut words = [0; WORDS];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    (words[0] != 0).then_some(words)
}

fn status(words: Option<&[u64; WORDS]>) -> Vec<u8> {
    let mut bytes = vec![0; STATUS];
    if let Some([_, process, registers @ ..]) = words {
        bytes[STATUS_PROCESS..STATUS_PROCESS + 4].copy_from_slice(&(*process as u32).to_le_bytes());
        for (to, word) in bytes[STATUS_REGISTERS..].chunks_exact_mut(WORD).zip(registers) {
            to.copy_from_slice(&word.to_le_bytes());
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fake::FakeMemory;

    const AT: u64 = 0x20_0000;

    fn memory() -> FakeMemory {
        let memory = FakeMemory::new(Physical(AT), 0x1000);
        let second = AT + LEN;
        memory.write(Physical(second), &[1_u64, 77].map(u64::to_le_bytes).concat());
        for register in 0..COUNT as u64 {
            memory.write_word(Physical(second + 16 + 8 * register), 0xffff_0000 + register);
        }
        memory
    }

    #[test]
    fn each_core_has_a_note_and_those_that_are_not_kept_are_zeros() {
        let statuses = statuses(&memory(), AT, 3);
        assert_eq!(statuses.len(), 3);
        assert!(statuses[0].iter().chain(&statuses[2]).all(|byte| *byte == 0));
        let second = &statuses[1];
        assert_eq!((second.len(), second[32]), (336, 77));
        // The instruction's address is the seventeenth register.
        assert_eq!(second[112 + 16 * 8..][..8], 0xffff_0010_u64.to_le_bytes());
    }

    #[test]
    fn without_any_there_are_no_notes() {
        let memory = memory();
        for at in [0, AT + 2 * LEN, AT - LEN, u64::MAX - 8, 0x4000_0000] {
            assert!(statuses(&memory, at, 1).is_empty(), "{at:#x}");
        }
    }
}
