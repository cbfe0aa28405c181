//! What the Linux driver does in Rust: one station of the virtual Ethernet, behind a C interface of plain integers and
//! pointers.
//!
//! ```text
//!   main.c queues.c rx.c tx.c doorbell.c ...          what Linux wants of a network driver
//!                       │  sprig_vni_core.h
//!   this crate: abi     │                             pointers and integers become types
//!               station ▼                             a station, its lanes and links, in memory of the shim's
//!   vni, shmem                                        the protocol, the window
//! ```
//!
//! No type of the kernel's reaches Rust, so one object serves all kernels. Here are the only pointers that the protocol
//! does not check: what the shim must keep to stands at each function, in `sprig_vni_core.h` and in [`abi`].

#![no_std]
// The interface hands over raw pointers: this is where they are believed, with the reason at every block.
#![allow(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod abi;
mod counters;
#[cfg(target_os = "none")]
mod panic;
mod station;
