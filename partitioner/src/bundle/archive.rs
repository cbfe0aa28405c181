//! The *newc* form of a cpio archive (Linux `Documentation/driver-api/early-userspace/buffer-format.rst`).
//!
//! ```text
//! 0    "070701"
//! 6    13 fields of 8 hex digits: ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor
//!      namesize check
//! 110  name and a zero byte, padded to a multiple of 4; the file's bytes, padded likewise
//! ```
//!
//! Only names and bytes matter here. Reading touches the headers alone, however long the files are.

use alloc::vec::Vec;

use super::error::BundleError;
use super::layout::Member;

pub(crate) const MAGIC: &[u8] = b"070701";
/// The name of the entry that ends an archive.
const TRAILER: &str = "TRAILER!!!";
const HEADER_LEN: usize = 110;
const ALIGN: usize = 4;
const MODE_FIELD: usize = 1;
const FILE_SIZE_FIELD: usize = 6;
const NAME_SIZE_FIELD: usize = 11;
/// The bits of a mode that say the type, and the type of an ordinary file.
const TYPE_MASK: u32 = 0o170_000;
const ORDINARY_FILE: u32 = 0o100_000;

/// The ordinary files of an archive. What follows its end, as boot loaders pad it, is ignored.
///
/// # Errors
/// [`BundleError::ArchiveDamaged`] if the archive ends too early, or is not a cpio archive.
pub fn members_of_archive(archive: &[u8]) -> Result<Vec<Member<'_>>, BundleError> {
    let mut members = Vec::new();
    let mut offset = 0;
    loop {
        let damaged = BundleError::ArchiveDamaged { offset, len: archive.len() };
        let entry = entry_at(archive, offset).ok_or(damaged)?;
        if entry.member.name == TRAILER {
            return Ok(members);
        }
        if entry.mode & TYPE_MASK == ORDINARY_FILE {
            members.push(entry.member);
        }
        offset = entry.end;
    }
}

/// An entry and where the next one starts.
struct Entry<'a> {
    member: Member<'a>,
    mode: u32,
    end: usize,
}

fn entry_at(archive: &[u8], offset: usize) -> Option<Entry<'_>> {
    let header = archive.get(offset..)?.get(..HEADER_LEN)?;
    if !header.starts_with(MAGIC) {
        return None;
    }
    let name_start = offset + HEADER_LEN;
    let name_end = name_start.checked_add(field(header, NAME_SIZE_FIELD)? as usize)?;
    let name = archive.get(name_start..name_end)?.strip_suffix(b"\0")?;
    let start = name_end.checked_next_multiple_of(ALIGN)?;
    let end = start.checked_add(field(header, FILE_SIZE_FIELD)? as usize)?;
    Some(Entry {
        member: Member { name: str::from_utf8(name).ok()?, bytes: archive.get(start..end)? },
        mode: field(header, MODE_FIELD)?,
        end: end.checked_next_multiple_of(ALIGN)?,
    })
}

/// A field of a header, counted from 0.
fn field(header: &[u8], nth: usize) -> Option<u32> {
    let digits = header.get(MAGIC.len() + 8 * nth..)?.get(..8)?;
    u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}
