//! What an initial RAM disk is, and how much memory it takes, as far as its own headers say
//! (Linux `Documentation/driver-api/early-userspace/buffer-format.rst`, `lib/decompress.c`).
//!
//! Linux takes *newc* cpio archives, each compressed or not. A file that is none of these is not unpacked: the kernel
//! then finds no `/init` and panics.

use core::fmt;

use crate::bundle::NEWC;

/// The format of a file that is given as an initial RAM disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// A cpio archive, uncompressed. Further archives may follow it, compressed ones too.
    Cpio,
    /// Compressed by gzip (RFC 1952).
    Gzip,
    /// Compressed by xz (The .xz File Format 1.2.0).
    Xz,
    /// Compressed by zstd (RFC 8878).
    Zstd,
    /// Compressed by bzip2.
    Bzip2,
    /// Compressed by lzma.
    Lzma,
    /// Compressed by lzop.
    Lzo,
    /// Compressed by lz4, in its legacy format.
    Lz4,
}

/// The signature of a newc archive with a checksum of each file; the one without is the bundle's own.
const NEWC_WITH_CHECKSUM: &[u8] = b"070702";

/// The first bytes of each format.
const SIGNATURES: [(&[u8], Format); 9] = [
    (NEWC, Format::Cpio),
    (NEWC_WITH_CHECKSUM, Format::Cpio),
    (b"\x1f\x8b", Format::Gzip),
    (b"\xfd7zXZ\0", Format::Xz),
    (b"\x28\xb5\x2f\xfd", Format::Zstd),
    (b"BZh", Format::Bzip2),
    (b"\x5d\0\0", Format::Lzma),
    (b"\x89LZO", Format::Lzo),
    (b"\x02\x21\x4c\x18", Format::Lz4),
];

impl Format {
    /// The format of a file that begins with these bytes. Linux skips zeros before an archive.
    pub fn of(head: &[u8]) -> Option<Self> {
        let start = head.iter().position(|byte| *byte != 0)?;
        let head = &head[start..];
        SIGNATURES.iter().find(|(signature, _)| head.starts_with(signature)).map(|(_, format)| *format)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpio => "cpio",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Lzma => "lzma",
            Self::Lzo => "lzop",
            Self::Lz4 => "lz4",
        })
    }
}

/// The least memory that the unpacked files take, in bytes: the length of an uncompressed archive, else what the
/// compressed file's own headers say. `head` and `tail` are the first and the last bytes of a file of `len` bytes.
/// `None` if the headers do not say it.
pub fn unpacked_len(format: Format, head: &[u8], tail: &[u8], len: u64) -> Option<u64> {
    match format {
        Format::Cpio => Some(len),
        Format::Gzip => {
            gzip_len(tail).filter(|unpacked| (len / 2..=len.saturating_mul(GZIP_RATIO_MAX)).contains(unpacked))
        }
        Format::Xz => xz_len(tail),
        Format::Zstd => zstd_len(head),
        Format::Lzma => bytes_at(head, 5, 8).filter(|unpacked| *unpacked != u64::MAX),
        Format::Bzip2 | Format::Lzo | Format::Lz4 => None,
    }
}

/// Whether a compressed file lacks its end, as far as its format marks one: xz ends with a footer, before zeros that pad it.
pub fn is_cut_off(format: Format, tail: &[u8]) -> bool {
    let end = tail.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    format == Format::Xz && !tail[..end].ends_with(XZ_FOOTER)
}

/// The last bytes of an xz stream (The .xz File Format, section 2.1.2.4).
const XZ_FOOTER: &[u8] = b"YZ";

/// The most that deflate can compress (zlib's FAQ): what claims to be more is damaged, or has bytes behind it.
const GZIP_RATIO_MAX: u64 = 1032;

/// A little-endian number of up to eight bytes.
fn bytes_at(bytes: &[u8], at: usize, len: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(len)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// ISIZE, the last four bytes: the length modulo 2^32 (RFC 1952, section 2.3.1).
fn gzip_len(tail: &[u8]) -> Option<u64> {
    bytes_at(tail, tail.len().checked_sub(4)?, 4)
}

/// The content size of the first frame, if its header has one (RFC 8878, section 3.1.1.1).
fn zstd_len(head: &[u8]) -> Option<u64> {
    let descriptor = *head.get(4)?;
    let is_single_segment = descriptor & 0x20 != 0;
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let at = 5 + usize::from(!is_single_segment) + dictionary;
    match descriptor >> 6 {
        0 if !is_single_segment => None,
        0 => bytes_at(head, at, 1),
        1 => bytes_at(head, at, 2).map(|size| size + 256),
        2 => bytes_at(head, at, 4),
        _ => bytes_at(head, at, 8),
    }
}

/// The sum over the index of the last stream (The .xz File Format, sections 2.1.2 and 4).
fn xz_len(tail: &[u8]) -> Option<u64> {
    let footer = tail.len().checked_sub(12)?;
    if tail.get(footer + 10..)? != XZ_FOOTER {
        return None;
    }
    let index_len = usize::try_from((bytes_at(tail, footer + 4, 4)? + 1).checked_mul(4)?).ok()?;
    let mut index = tail.get(footer.checked_sub(index_len)?..footer)?;
    let (indicator, rest) = index.split_first()?;
    index = rest;
    if *indicator != 0 {
        return None;
    }
    let records = multibyte(&mut index)?;
    let mut sum = 0u64;
    for _ in 0..records {
        multibyte(&mut index)?;
        sum = sum.checked_add(multibyte(&mut index)?)?;
    }
    Some(sum)
}

/// A multibyte integer (The .xz File Format, section 1.2).
fn multibyte(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..9 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100,000 zeros, as the tools of Debian 12 compress them.
    const XZ: &[u8] = include_bytes!("initrd/zeros.xz");
    const ZSTD: &[u8] = include_bytes!("initrd/zeros.zst");
    const GZIP: &[u8] = include_bytes!("initrd/zeros.gz");
    const LZMA: &[u8] = include_bytes!("initrd/zeros.lzma");

    fn whole(bytes: &[u8]) -> Option<(Format, Option<u64>)> {
        let format = Format::of(bytes)?;
        Some((format, unpacked_len(format, bytes, bytes, bytes.len() as u64)))
    }

    #[test]
    fn the_unpacked_length_is_read_where_the_tools_write_it() {
        assert_eq!(whole(XZ), Some((Format::Xz, Some(100_000))));
        assert_eq!(whole(ZSTD), Some((Format::Zstd, Some(100_000))));
        assert_eq!(whole(GZIP), Some((Format::Gzip, Some(100_000))));
        assert_eq!(whole(LZMA).map(|(format, _)| format), Some(Format::Lzma));
        assert_eq!(whole(b"070701 and so on"), Some((Format::Cpio, Some(16))));
    }

    #[test]
    fn zeros_before_an_archive_are_skipped_and_noise_has_no_format() {
        assert_eq!(Format::of(b"\0\0\x00070701"), Some(Format::Cpio));
        for noise in [b"".as_slice(), b"\0\0", b"#!/bin/sh", b"\x7fELF"] {
            assert_eq!(Format::of(noise), None);
        }
    }

    #[test]
    fn a_file_without_its_end_is_known_where_the_format_marks_one() {
        assert!(!is_cut_off(Format::Xz, XZ) && !is_cut_off(Format::Xz, &[XZ, &[0; 8]].concat()));
        assert!(is_cut_off(Format::Xz, &XZ[..XZ.len() - 1]) && is_cut_off(Format::Xz, &[]));
        assert!(!is_cut_off(Format::Gzip, &GZIP[..10]));
    }

    #[test]
    fn a_damaged_file_has_no_unpacked_length() {
        for len in 0..XZ.len() - 1 {
            assert_eq!(unpacked_len(Format::Xz, XZ, &XZ[..len], len as u64), None, "{len}");
        }
        for len in 0..6 {
            assert_eq!(unpacked_len(Format::Zstd, &ZSTD[..len.min(ZSTD.len())], &[], len as u64), None);
        }
        assert_eq!(unpacked_len(Format::Gzip, &[], &[1, 2], 2), None);
        assert_eq!(unpacked_len(Format::Gzip, &[], &[0xff; 4], 1 << 20), None, "more than deflate can compress");
    }
}
