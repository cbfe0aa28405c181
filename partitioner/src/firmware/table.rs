//! The outside of an ACPI table: its header, and the entries behind it that say their own type and length.

use super::error::FirmwareError;

/// Bytes of the header of every table (ACPI 6.5, table 5.4).
pub(super) const HEADER_LEN: usize = 36;

/// Where the header has the table's length and its revision.
pub(super) const LENGTH: usize = 4;
const REVISION: usize = 8;

/// What lies behind the first `fixed` bytes of a table, those counted from its start. The table's length is what its
/// header says; bytes after that are not part of it.
pub(super) fn body<'a>(bytes: &'a [u8], name: &'static str, fixed: usize) -> Result<&'a [u8], FirmwareError> {
    let stated = u32_at(bytes, LENGTH).map_or(0, |stated| stated as usize);
    let damaged = FirmwareError::Damaged { name, len: bytes.len(), stated };
    if !bytes.starts_with(name.as_bytes()) || stated < HEADER_LEN.max(fixed) {
        return Err(damaged);
    }
    bytes.get(fixed..stated).ok_or(damaged)
}

/// The revision that a table's header states; 0 if there is none.
pub(super) fn revision(bytes: &[u8]) -> u8 {
    bytes.get(REVISION).copied().unwrap_or_default()
}

/// The entries of a body: type, and all bytes with the two that say type and length. Ends at the first that is too
/// short to be one or reaches beyond the table.
pub(super) fn entries(mut body: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    core::iter::from_fn(move || {
        let (&kind, &len) = (body.first()?, body.get(1)?);
        let (entry, rest) = body.split_at_checked(usize::from(len)).filter(|(entry, _)| entry.len() >= 2)?;
        body = rest;
        Some((kind, entry))
    })
}

/// The same for entries that take two bytes for the type and two for the length.
pub(super) fn long_entries(mut body: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    core::iter::from_fn(move || {
        let (kind, len) = (u16_at(body, 0)?, u16_at(body, 2)?);
        let (entry, rest) = body.split_at_checked(usize::from(len)).filter(|(entry, _)| entry.len() >= 4)?;
        body = rest;
        Some((kind, entry))
    })
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_le_bytes)
}
