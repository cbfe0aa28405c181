//! The protocol of the virtual Ethernet between partitions, through the shared window.
//!
//! Every ordered pair of partitions has a ring of descriptors for each queue, which name buffers in the producer's
//! transmit pool. The sender copies a frame into the pool or fills it there, and the receiver copies it out or borrows it.
//! Before a side sleeps it publishes the index up to which it has seen everything. The other side rings it when it passes
//! that index.
//!
//! | module | |
//! |---|---|
//! | [`mac`] | addresses |
//! | [`descriptor`] | the two words that name a piece of a frame, and the frame's offload metadata |
//! | [`ring`] | indices: publishing, consuming, and who must be rung |
//! | [`buffers`], [`stack`] | which lane has which buffer of a pool |
//! | `packer` | where in it the next bytes go |
//! | [`sender`], [`receiver`] | frames in and out of a lane |
//! | [`lending`] | frames that are read where they lie, and given back in any order |
//! | [`headers`] | offload metadata checked against the frame's headers |
//! | [`link`](mod@link) | the handshake that begins and ends a link |
//! | [`doorbell`] | how a sleeper is woken |
//! | [`port`] | one partition: its header page, its address, its time |
//! | [`peer_link`] | its end of the link to one peer |
//! | [`lanes`] | its lanes: made, and stepped with their link |
//! | [`counter`], [`counters`] | what was counted, and by which name |
//!
//! **Nothing that a peer wrote is trusted.** Each shared word is loaded once into a local and checked there; a peer
//! that breaks a rule loses its link, and the cause ([`fault::Fault`]) is counted. There is no unsafe code, no
//! allocation, and nothing here waits.
//!
//! The algorithms are generic over the words they work on ([`ring::RingWords`], [`link::LinkWords`],
//! [`stack::StackWords`], [`lending::LoanWords`]): `shmem` gives them those of a window, the tests those of a model
//! checker.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod buffers;
pub mod counter;
pub mod counters;
pub mod descriptor;
pub mod doorbell;
pub mod fault;
pub mod headers;
pub mod lanes;
pub mod lending;
pub mod link;
pub mod mac;
mod packer;
pub mod peer_link;
pub mod port;
pub mod receiver;
pub mod ring;
pub mod sender;
pub mod stack;

pub use mac::MacAddress;

/// The shortest frame: an Ethernet header.
pub const MIN_FRAME: usize = 14;
/// The longest frame: the largest MTU with an Ethernet header and two VLAN tags (IEEE 802.1ad over 802.1Q): Linux takes
/// no length of a tag from the MTU of a VLAN.
pub const MAX_FRAME: usize = 65_535 + 14 + 2 * 4;
