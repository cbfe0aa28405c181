//! A partition's header page: who it is, how to ring it, that it lives, and how its links stand.
//!
//! ```text
//! 0x000  magic       u32   MAGIC once the partition has come up                         ┐
//! 0x004  version     u32   VERSION                                                      │ written by the
//! 0x008  fingerprint u64   Geometry::fingerprint                                        │ partition alone
//! 0x010  doorbell    u64   APIC ID << 32 | vector; vector 0: do not ring                │
//! 0x080  heartbeat   u64   counts up while it lives                                     ┘
//! 0x100  pending     u32   bit p: partition p has rung                 set by all, exchanged to 0 by the partition
//! 0x180  links       u64 for each partition                            written by the partition alone
//! ```

use core::sync::atomic::{AtomicU32, AtomicU64};

use crate::{LINE_PAIR, MAX_PARTITIONS};

/// A partition's header page, in bytes.
pub const HEADER_LEN: u64 = 4096;
/// "SPRG" in memory.
pub const MAGIC: u32 = u32::from_le_bytes(*b"SPRG");

/// Offset of the magic number.
pub const MAGIC_AT: u64 = 0x000;
/// Offset of the version.
pub const VERSION_AT: u64 = 0x004;
/// Offset of the geometry's fingerprint.
pub const FINGERPRINT_AT: u64 = 0x008;
/// Offset of the doorbell's address.
pub const DOORBELL_AT: u64 = 0x010;
/// Offset of the heartbeat.
pub const HEARTBEAT_AT: u64 = 0x080;
/// Offset of the doorbell's pending word.
pub const PENDING_AT: u64 = 0x100;
/// Offset of the link words.
pub const LINKS_AT: u64 = 0x180;

const _: () = assert!(HEARTBEAT_AT - MAGIC_AT >= LINE_PAIR && PENDING_AT - HEARTBEAT_AT >= LINE_PAIR);
const _: () = assert!(LINKS_AT - PENDING_AT >= LINE_PAIR, "the word that all write stands alone");
const _: () = assert!(LINKS_AT + 8 * MAX_PARTITIONS as u64 <= HEADER_LEN);
const _: () = assert!(MAX_PARTITIONS <= u32::BITS as usize, "each partition has a bit in the pending word");

/// The header page of one partition. All words are another partition's to change at any time.
#[derive(Clone, Copy)]
pub struct Header<'w> {
    /// [`MAGIC`], or anything.
    pub magic: &'w AtomicU32,
    /// Its [`crate::VERSION`].
    pub version: &'w AtomicU32,
    /// Its [`crate::Geometry::fingerprint`].
    pub fingerprint: &'w AtomicU64,
    /// The address of its doorbell.
    pub doorbell: &'w AtomicU64,
    /// Counts up while it lives.
    pub heartbeat: &'w AtomicU64,
    /// Who has rung.
    pub pending: &'w AtomicU32,
    /// Its end of each link.
    pub links: &'w [AtomicU64; MAX_PARTITIONS],
}
