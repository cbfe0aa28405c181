//! Writing a file in which pages of zeros are holes.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use crate::kernel::memory::PAGE;

const BLOCK: usize = PAGE as usize;
const ZEROS: [u8; BLOCK] = [0; BLOCK];

/// A new file that is written from its beginning to its end.
#[derive(Debug)]
pub(super) struct Sparse {
    file: File,
    /// How many bytes were written, or passed over.
    at: u64,
}

impl Sparse {
    /// Of a file that is empty.
    pub(super) fn new(file: File) -> Self {
        Self { file, at: 0 }
    }

    /// Gives the file its length, which may end with a hole, and waits until all of it is on its disk.
    pub(super) fn finish(&self) -> io::Result<()> {
        self.file.set_len(self.at)?;
        self.file.sync_all()
    }
}

impl Write for Sparse {
    /// Writes the first blocks that are all zeros, or that all are not.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_hole = |block: &[u8]| block == &ZEROS[..block.len()];
        let mut blocks = bytes.chunks(BLOCK);
        let first_is_hole = blocks.next().is_some_and(is_hole);
        let alike = 1 + blocks.take_while(|block| is_hole(block) == first_is_hole).count();
        let run = &bytes[..bytes.len().min(alike * BLOCK)];
        if !first_is_hole {
            self.file.write_all_at(run, self.at)?;
        }
        self.at += run.len() as u64;
        Ok(run.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    /// The bytes of a file to which these pieces were written, and how many bytes of disk it takes.
    fn written(pieces: &[&[u8]]) -> (Vec<u8>, u64) {
        let file = tempfile::tempfile().unwrap();
        let mut sparse = Sparse::new(file.try_clone().unwrap());
        pieces.iter().for_each(|piece| sparse.write_all(piece).unwrap());
        sparse.finish().unwrap();
        let metadata = file.metadata().unwrap();
        let mut bytes = vec![0xaa; usize::try_from(metadata.len()).unwrap()];
        file.read_exact_at(&mut bytes, 0).unwrap();
        (bytes, metadata.blocks() * 512)
    }

    #[test]
    fn pages_of_zeros_take_no_room_and_are_read_as_zeros() {
        const PAGES: usize = 1024;
        let mut memory = vec![0; PAGES * BLOCK];
        for page in [3, 4, 700] {
            memory[page * BLOCK + 17] = 1;
        }
        let (bytes, room) = written(&[&[7; BLOCK], &memory]);
        assert!(bytes[..BLOCK] == [7; BLOCK] && bytes[BLOCK..] == memory, "what is read is what was written");
        assert!(room < (PAGES * BLOCK / 10) as u64, "{room} bytes of disk");
    }

    #[test]
    fn a_file_may_end_with_a_hole_or_be_one() {
        assert_eq!(written(&[&ZEROS]).0, ZEROS);
        assert_eq!(written(&[&[1; BLOCK], &ZEROS, &ZEROS]).0, [[1; BLOCK], ZEROS, ZEROS].concat());
        assert!(written(&[]).0.is_empty());
    }

    #[test]
    fn pieces_of_any_length_are_written() {
        let pieces: [&[u8]; 4] = [&[0; 5], &[1; BLOCK + 1], &[0; 2 * BLOCK + 3], &[2]];
        assert_eq!(written(&pieces).0, pieces.concat());
    }
}
