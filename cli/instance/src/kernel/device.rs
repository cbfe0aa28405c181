//! The memory of another partition, through `/dev/mem` (mem(4)).
//!
//! Each instance's memory map lists the others' memory as reserved, so `/dev/mem` gives access to it even with
//! `STRICT_DEVMEM`. It is mapped, because read(2) ends at the reader's own last address. Mapping takes page tables, so
//! only a few pieces are mapped at a time.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ptr::{self, NonNull};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::kernel::memory::{Memory, MemoryError, Physical};
use crate::kernel::range::MemoryRange;

/// The device file of physical memory.
pub(crate) const DEVICE: &str = "/dev/mem";
/// Most bytes of a piece; pieces begin at multiples of it, or where a range begins.
const PIECE: u64 = 2 << 20;
/// How many pieces stay mapped. A walk through page tables needs one for each of five levels.
const KEPT: usize = 16;
const WORD: usize = size_of::<u64>();

/// Some ranges of physical memory.
pub(crate) struct Device {
    file: File,
    ranges: Vec<MemoryRange>,
    /// The most recently used last.
    pieces: RefCell<VecDeque<Piece>>,
}

impl Device {
    /// Opens these ranges. The caller ensures that they are memory and not registers of devices.
    pub(crate) fn open(ranges: &[MemoryRange]) -> io::Result<Device> {
        Ok(Self::new(File::open(DEVICE)?, ranges))
    }

    fn new(file: File, ranges: &[MemoryRange]) -> Device {
        Device { file, ranges: ranges.to_vec(), pieces: RefCell::default() }
    }

    /// The piece of a range in which `at` lies.
    fn piece_of(&self, at: Physical) -> Option<MemoryRange> {
        let range = self.ranges.iter().find(|range| range.rest(at).is_some())?;
        let start = at.0 - at.0 % PIECE;
        MemoryRange::new(range.first().max(start), range.last().min(start + (PIECE - 1)))
    }

    /// Reads the bytes that lie in one piece, and returns how many these were.
    fn read_some(&self, at: Physical, into: &mut [u8]) -> Result<usize, MemoryError> {
        let mut pieces = self.pieces.borrow_mut();
        let there = pieces.iter().position(|piece| piece.range.rest(at).is_some());
        let piece = if let Some(piece) = there.and_then(|number| pieces.remove(number)) {
            piece
        } else {
            let range = self.piece_of(at).ok_or(MemoryError::Outside { at })?;
            Piece::map(&self.file, range, ProtFlags::READ).map_err(|error| MemoryError::Unmapped { at, error })?
        };
        let len = piece.read(at, into);
        pieces.push_back(piece);
        if pieces.len() > KEPT {
            pieces.pop_front();
        }
        Ok(len)
    }
}

impl Memory for Device {
    fn read(&self, at: Physical, into: &mut [u8]) -> Result<(), MemoryError> {
        let mut done = 0;
        while done < into.len() {
            let at = at.0.checked_add(done as u64).map(Physical).ok_or(MemoryError::Outside { at })?;
            done += self.read_some(at, &mut into[done..])?;
        }
        Ok(())
    }
}

/// A range that is mapped while this value lives.
struct Piece {
    range: MemoryRange,
    start: NonNull<c_void>,
}

impl Piece {
    /// Bytes of the range: those that are read have at most [`PIECE`].
    fn len(range: MemoryRange) -> usize {
        range.len() as usize
    }

    #[expect(unsafe_code, reason = "memory is mapped")]
    fn map(file: &File, range: MemoryRange, protection: ProtFlags) -> io::Result<Piece> {
        let len = Self::len(range);
        // SAFETY: the kernel chooses an address where nothing is.
        let start = unsafe { mmap(ptr::null_mut(), len, protection, MapFlags::SHARED, file, range.first()) }?;
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Piece { range, start })
    }

    /// Reads from `at`, which lies in the piece, to its end at most. Returns the number of bytes.
    #[expect(unsafe_code, reason = "memory is read that another kernel may be writing to")]
    fn read(&self, at: Physical, into: &mut [u8]) -> usize {
        let offset = (at.0 - self.range.first()) as usize;
        let len = into.len().min(Self::len(self.range) - offset);
        let mut done = 0;
        while done < len {
            // SAFETY: `offset + done` is less than the length of the mapping, which lives as long as `self`.
            let from = unsafe { self.start.cast::<u8>().add(offset + done) };
            if from.cast::<u64>().is_aligned() && len - done >= WORD {
                // SAFETY: 8 bytes from here on are mapped, and the address is aligned. Another kernel may write to
                // them, so the read is volatile; any bytes make a `u64`.
                let word = unsafe { from.cast::<u64>().read_volatile() };
                into[done..done + WORD].copy_from_slice(&word.to_ne_bytes());
                done += WORD;
            } else {
                // SAFETY: as above, for one byte.
                into[done] = unsafe { from.read_volatile() };
                done += 1;
            }
        }
        len
    }
}

impl Drop for Piece {
    #[expect(unsafe_code, reason = "memory is unmapped")]
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and no reference into it is ever given away.
        let _ = unsafe { munmap(self.start.as_ptr(), Self::len(self.range)) };
    }
}

/// Writes bytes from `at` on, which all lie in that range. The caller ensures that no kernel uses them.
///
/// # Errors
/// If this kernel does not give access to it.
#[expect(unsafe_code, reason = "memory is written that another kernel may be reading")]
pub(crate) fn write(range: MemoryRange, at: Physical, bytes: &[u8]) -> Result<(), MemoryError> {
    let unmapped = |error| MemoryError::Unmapped { at, error };
    let file = File::options().read(true).write(true).open(DEVICE).map_err(unmapped)?;
    let piece = Piece::map(&file, range, ProtFlags::READ | ProtFlags::WRITE).map_err(unmapped)?;
    let offset = (at.0 - range.first()) as usize;
    let is_inside = offset.checked_add(bytes.len()).is_some_and(|end| end <= Piece::len(range));
    assert!(is_inside, "the bytes lie in the range");
    for (number, chunk) in bytes.chunks(WORD).enumerate() {
        // SAFETY: the bytes lie in the mapping, as asserted above, which lives as long as `piece`.
        let to = unsafe { piece.start.cast::<u8>().add(offset + number * WORD) };
        match <[u8; WORD]>::try_from(chunk) {
            // SAFETY: as above, and it is aligned. Another kernel might be using it, so the write is volatile.
            Ok(word) if to.cast::<u64>().is_aligned() => unsafe {
                to.cast::<u64>().write_volatile(u64::from_ne_bytes(word));
            },
            // SAFETY: as above, byte by byte.
            _ => chunk.iter().enumerate().for_each(|(at, byte)| unsafe { to.add(at).write_volatile(*byte) }),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    const LEN: u64 = 20 * PIECE;

    /// Memory in which every word of 8 bytes around the ends of pieces is its own address, and two ranges of it.
    fn device() -> Device {
        let file = tempfile::tempfile().unwrap();
        file.set_len(LEN).unwrap();
        for end in (0..=LEN).step_by(PIECE as usize) {
            for at in (end.saturating_sub(32)..(end + 32).min(LEN)).step_by(WORD) {
                file.write_all_at(&at.to_le_bytes(), at).unwrap();
            }
        }
        let ranges = [(0x1000, PIECE * 2 + 0xfff), (PIECE * 3, LEN - 1)];
        Device::new(file, &ranges.map(|(first, last)| MemoryRange::new(first, last).unwrap()))
    }

    fn read(device: &Device, at: u64, len: usize) -> Result<Vec<u8>, MemoryError> {
        let mut into = vec![0xaa; len];
        device.read(Physical(at), &mut into).map(|()| into)
    }

    #[test]
    fn what_lies_in_two_pieces_is_read_whole() {
        let device = device();
        let expected: Vec<u8> = (PIECE - 32..PIECE + 32).step_by(WORD).flat_map(u64::to_le_bytes).collect();
        for (from, to) in [(0, 64), (8, 56), (3, 61), (29, 35), (31, 33)] {
            let read = read(&device, PIECE - 32 + from as u64, to - from).unwrap();
            assert_eq!(read, expected[from..to], "{from} to {to}");
        }
    }

    #[test]
    fn pieces_that_were_given_up_are_mapped_again() {
        let device = device();
        for _ in 0..2 {
            for at in (PIECE * 3..LEN).step_by(PIECE as usize) {
                assert_eq!(read(&device, at, WORD).unwrap(), at.to_le_bytes());
            }
        }
        assert!(LEN / PIECE - 3 > KEPT as u64 && device.pieces.borrow().len() == KEPT);
    }

    #[test]
    fn nothing_outside_the_ranges_is_read() {
        let device = device();
        for (at, len) in [(0, 8), (0xfff, 1), (0xffc, 8), (PIECE * 2 + 0xff8, 9), (PIECE * 3 - 1, 2), (LEN - 1, 2)] {
            let outside = read(&device, at, len);
            assert!(matches!(outside, Err(MemoryError::Outside { .. })), "{len} bytes at {at:#x}: {outside:?}");
        }
        assert!(read(&device, u64::MAX, 2).is_err());
        assert!(read(&device, PIECE * 2 + 0xff8, 8).is_ok());
    }
}
