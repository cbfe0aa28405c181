//! The control page: memory of the resident part in which partitions are asked to start and stop, and say how they are.
//!
//! ```text
//! 0x0000  Header       what the box is, and where a core enters the resident part
//! 0x1000  Partition    256 bytes for each partition: its order, its status, its load list
//! 0x3000  Core         16 bytes for each APIC ID: its owner, and the order with which it has arrived
//! ```
//!
//! All of it is zero before the boot image fills it in. All words are atomics: any instance with the driver, and every
//! core in the resident part, may read and write at any time, and each of them may die between any two accesses.
//!
//! # The protocol
//!
//! An *order* is a command with a sequence number, in one word. Of a partition there are two: the one that is
//! `wanted`, and the last that was carried out, `done`. Where the two differ, an order is pending.
//!
//! 1. Whoever wants something of a partition replaces `wanted` by compare-and-swap ([`Partition::ask`]). If an order is
//!    pending he is told so, and may replace that one when he has waited long enough ([`Partition::supersede`]).
//! 2. He fetches the partition's cores: INIT, 10 ms, start-up into the resident part; its boot processor by NMI.
//! 3. Each core says with which order it has arrived ([`ControlPage::arrive`]). The boot core of the partition waits for
//!    the others, carries the order out, and says that it is `done` ([`Partition::finish`]).
//!
//! The host of an emulated machine gives orders too, and has the machine's own cores do the fetching
//! ([`Partition::ask_by_host`]).
//!
//! Every step may be repeated by somebody else. An order whose asker died before he fetched a core waits, and the next
//! asker replaces it; or the partition comes by itself, and its boot core finds the order. Nobody waits for another
//! without a limit.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod console;
pub mod gate;
mod host;
mod lease;
mod order;
mod page;
mod policy;
pub mod registers;
mod restarts;
mod status;
mod watch;

pub use host::{BY_HOST, SEEKS_HAND};
pub use lease::{LEASE_MS, Lease, Purpose};
pub use order::{Command, Order, Pending};
pub use page::{Arrival, BY_POLICY, ControlPage, Core, Header, NOBODY, Partition, Role};
pub use policy::{Policy, Reaction};
pub use status::{Cause, State, Status};
pub use watch::{LOOKS_PER_SECOND, Sight, Step, Watch};

/// "SPRC" in memory.
pub const MAGIC: u32 = u32::from_le_bytes(*b"SPRC");
/// Of this layout.
pub const VERSION: u32 = 3;
/// Most partitions that it has room for.
pub const MAX_PARTITIONS: usize = 32;
/// APIC IDs that it has room for.
pub const MAX_CORES: usize = 256;
/// Its bytes.
pub const LEN: u64 = 0x4000;
