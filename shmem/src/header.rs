//! A partition's header page: its identity, its heartbeat, its ends of links, and a doorbell for each of its queues.
//!
//! ```text
//! 0x000  magic       u32   MAGIC once the partition has come up                         ┐
//! 0x004  version     u32   VERSION                                                      │ written by the
//! 0x008  fingerprint u64   Geometry::fingerprint                                        │ partition alone
//! 0x080  heartbeat   u64   counts up while it lives                                     │
//! 0x100  links       u64 for each partition                                             ┘
//! 0x200  doorbells   one for each queue, 0x100 bytes each:
//!   0x00   pending   u32   bit p: partition p has rung                 set by all, exchanged to 0 by the partition
//!   0x80   address   u64   APIC ID << 32 | vector; vector 0: do not ring      written by the partition alone
//! ```

use core::sync::atomic::{AtomicU32, AtomicU64};

use crate::{LINE_PAIR, MAX_PARTITIONS, MAX_QUEUES};

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
/// Offset of the heartbeat.
pub const HEARTBEAT_AT: u64 = 0x080;
/// Offset of the link words.
pub const LINKS_AT: u64 = 0x100;
/// Offset of the first queue's doorbell.
pub const DOORBELLS_AT: u64 = 0x200;

/// Bytes of a doorbell.
pub const DOORBELL_LEN: u64 = 2 * LINE_PAIR;
/// Offset of the pending word in a doorbell.
pub const PENDING_AT: u64 = 0;
/// Offset of the address in a doorbell.
pub const ADDRESS_AT: u64 = LINE_PAIR;

const _: () = assert!(HEARTBEAT_AT - MAGIC_AT >= LINE_PAIR && LINKS_AT - HEARTBEAT_AT >= LINE_PAIR);
const _: () = assert!(LINKS_AT + 8 * MAX_PARTITIONS as u64 <= DOORBELLS_AT);
const _: () = assert!(DOORBELLS_AT.is_multiple_of(LINE_PAIR), "the words that all write stand alone");
const _: () = assert!(DOORBELLS_AT + DOORBELL_LEN * MAX_QUEUES as u64 <= HEADER_LEN);
const _: () = assert!(MAX_PARTITIONS <= u32::BITS as usize, "each partition has a bit in the pending word");

/// A word with a pair of cache lines to itself.
#[repr(C, align(128))]
pub struct Apart<T>(pub T);

/// How one queue of a partition is rung.
#[repr(C)]
pub struct Doorbell {
    /// A bit for each partition that has rung.
    pub pending: Apart<AtomicU32>,
    /// Where to send the interrupt.
    pub address: Apart<AtomicU64>,
}

const _: () = assert!(align_of::<Doorbell>() as u64 == LINE_PAIR && size_of::<Doorbell>() as u64 == DOORBELL_LEN);
const _: () = assert!(core::mem::offset_of!(Doorbell, pending) as u64 == PENDING_AT);
const _: () = assert!(core::mem::offset_of!(Doorbell, address) as u64 == ADDRESS_AT);

/// The header page of one partition. Its partition may change all words at any time.
#[derive(Clone, Copy)]
pub struct Header<'w> {
    /// [`MAGIC`] once the partition has come up; a peer may write anything.
    pub magic: &'w AtomicU32,
    /// Its [`crate::VERSION`].
    pub version: &'w AtomicU32,
    /// Its [`crate::Geometry::fingerprint`].
    pub fingerprint: &'w AtomicU64,
    /// Counts up while it lives.
    pub heartbeat: &'w AtomicU64,
    /// Its end of each link.
    pub links: &'w [AtomicU64; MAX_PARTITIONS],
    /// One for each queue of the window's shape; the others are unused.
    pub doorbells: &'w [Doorbell; MAX_QUEUES],
}
