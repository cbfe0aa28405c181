//! The shared memory window: where everything in it lies, and every access to it.
//!
//! The window is one region of physical memory, reserved in every instance's memory map and announced to each kernel
//! by an ACPI device. **One rule: every cache line has exactly one writer, and lies in that writer's part of the
//! window**, so a part belongs to a partition, and a dead partition's part is never written. One line of each queue
//! breaks it: the [doorbell's pending word](header), in which every ringer sets a bit.
//!
//! ```text
//! 0                    header page of partition 0                                  ┐
//! 4 KiB                header page of partition 1                                  │ HEADER_LEN each
//! ...                                                                              ┘
//! lanes_start          lanes of partition 0: one for each queue and other partition ┐ LANE_LEN each
//! ...                  lanes of partition 1                                         ┘
//! pools_start          transmit pool of partition 0   ┐
//!                      transmit pool of partition 1   │ what is left, shared out evenly, in whole buffers
//! ...                                                 ┘
//! ```
//!
//! A *lane* is what one partition writes for one other: the descriptors of the ring that it produces, and its own
//! progress in both rings (see [`ring`]). So the words of one ring lie in two parts, each beside what its writer writes.
//!
//! A window whose headers and lanes are all zero is a valid, idle one: no partition has come up yet. So the maker of
//! the window only has to clear its first [`control_len`] bytes; what a pool holds means nothing until a descriptor
//! names it. Buffers are O(n) in the number of partitions, rings O(n²) but small.
//!
//! | module | |
//! |---|---|
//! | [`geometry`] | where each part lies |
//! | [`window`] | the window as mapped; the only place where an offset becomes a pointer |
//! | [`header`], [`ring`], [`pool`] | its parts, as atomics and as ranges to copy from and to |
//! | [`order`] | the full fence between a store and a load |
//! | [`segment`] | private memory that frames are copied from and to |
//! | [`c_header`] | the same geometry for C |
//! | `heap` | a window in ordinary memory, for tests and processes (feature `std`) |
//!
//! `vni` defines what the words mean. This crate holds the data path's only unsafe code. It gives out no
//! reference to bytes of the window: small things are atomics, frames are copied by volatile accesses.

#![no_std]

#[cfg(any(feature = "std", test))]
extern crate std;

pub mod c_header;
mod copy;
pub mod geometry;
pub mod header;
#[cfg(any(feature = "std", test))]
pub mod heap;
pub mod order;
pub mod pool;
pub mod ring;
pub mod segment;
pub mod window;

pub use geometry::{Geometry, GeometryError, Shape, control_len};
pub use window::Window;

/// Most partitions of a window: a partition's slice below 1 MiB limits a machine to fewer than this.
pub const MAX_PARTITIONS: usize = 32;
/// Most queues for each ordered pair.
pub const MAX_QUEUES: usize = 8;

/// Changes whenever the layout or the meaning of something in it changes: partitions that differ do not talk.
pub const VERSION: u32 = 3;

/// Two cache lines: the adjacent-line prefetcher fetches them in pairs, so what two cores write must lie this far
/// apart.
pub const LINE_PAIR: u64 = 128;
