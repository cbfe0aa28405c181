//! Descriptors: two words of 64 bits.
//!
//! ```text
//! word 0   bits  0..32  offset of the piece in the producer's pool
//!          bits 32..56  its bytes
//!          bits 56..64  flags: bit 0: another piece of the frame follows
//!                              bit 7: the lap around the ring in which it was written (`shmem::ring::lap_bit`)
//! word 1   of the frame's first piece: its offload metadata; of the others: 0
//!          bits  0..8   flags: bit 0: the checksum is still to be completed
//!          bits  8..16  kind of segmentation
//!          bits 16..32  bytes of a segment's payload
//!          bits 32..48  where the checksum's range starts
//!          bits 48..64  where the checksum goes, from there
//! ```
//!
//! The metadata mean what they mean in `virtio_net_hdr` (Virtual I/O Device specification 1.2, section 5.1.6): the
//! kernels on both sides know it already. Its `hdr_len` is left out, a hint that no receiver may rely on.

/// A piece of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Where it lies in the producer's pool.
    pub offset: u32,
    /// Its bytes, below 2²⁴.
    pub len: u32,
    /// Whether another piece of the frame follows.
    pub more: bool,
}

/// Flags of a piece that are not defined: a frame with one of them is from a later version and is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownFlags(pub u8);

const MORE: u8 = 1;
const LAP: u8 = (shmem::ring::LAP >> 56) as u8;
const LEN_MASK: u32 = (1 << 24) - 1;

impl Piece {
    /// As the first word of a descriptor, whose lap the ring adds.
    #[inline]
    pub fn to_word(self) -> u64 {
        debug_assert!(self.len <= LEN_MASK);
        let flags = if self.more { MORE } else { 0 };
        u64::from(self.offset) | u64::from(self.len & LEN_MASK) << 32 | u64::from(flags) << 56
    }

    /// From the first word of a descriptor, and the flags in it that mean nothing, if there are any.
    #[inline]
    pub fn from_word(word: u64) -> (Self, Option<UnknownFlags>) {
        let flags = (word >> 56) as u8;
        let piece = Self { offset: word as u32, len: (word >> 32) as u32 & LEN_MASK, more: flags & MORE != 0 };
        (piece, Some(flags & !(MORE | LAP)).filter(|unknown| *unknown != 0).map(UnknownFlags))
    }
}

/// How the receiver segments a super-frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Segmentation {
    /// TCP over IPv4.
    TcpV4 = 1,
    /// TCP over IPv6.
    TcpV6 = 4,
    /// UDP datagrams.
    Udp = 5,
}

/// Offload metadata as they travel.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Offload {
    /// [`Offload::NEEDS_CHECKSUM`] or nothing.
    pub flags: u8,
    /// 0, or a [`Segmentation`], with [`Offload::ECN`] or without.
    pub segmentation: u8,
    /// Bytes of a segment's payload.
    pub segment_size: u16,
    /// Where the range of the checksum starts in the frame; it ends with the frame.
    pub checksum_start: u16,
    /// Where the checksum goes, from `checksum_start`.
    pub checksum_offset: u16,
}

impl Offload {
    /// The checksum is still to be completed.
    pub const NEEDS_CHECKSUM: u8 = 1;
    /// The TCP segments carry explicit congestion notification.
    pub const ECN: u8 = 0x80;

    /// Nothing is left to be done.
    pub const NONE: Self = Self { flags: 0, segmentation: 0, segment_size: 0, checksum_start: 0, checksum_offset: 0 };

    /// As the second word of a frame's first descriptor.
    #[inline]
    pub fn to_word(self) -> u64 {
        u64::from(self.flags)
            | u64::from(self.segmentation) << 8
            | u64::from(self.segment_size) << 16
            | u64::from(self.checksum_start) << 32
            | u64::from(self.checksum_offset) << 48
    }

    /// From the second word of a frame's first descriptor.
    #[inline]
    pub fn from_word(word: u64) -> Self {
        Self {
            flags: word as u8,
            segmentation: (word >> 8) as u8,
            segment_size: (word >> 16) as u16,
            checksum_start: (word >> 32) as u16,
            checksum_offset: (word >> 48) as u16,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_carry_every_field() {
        let piece = Piece { offset: 0xdead_beef, len: 0x00ab_cdef, more: true };
        assert_eq!(Piece::from_word(piece.to_word()), (piece, None));
        let offload =
            Offload { flags: 1, segmentation: 0x81, segment_size: 1448, checksum_start: 34, checksum_offset: 16 };
        assert_eq!(Offload::from_word(offload.to_word()), offload);
        assert_eq!(Offload::from_word(0), Offload::NONE);
    }

    #[test]
    fn flags_without_meaning_are_told() {
        let (piece, unknown) = Piece::from_word(0x8300_0010_0000_0000);
        assert_eq!(piece, Piece { offset: 0, len: 16, more: true });
        assert_eq!(unknown, Some(UnknownFlags(0x02)), "the lap is none of them");
    }
}
