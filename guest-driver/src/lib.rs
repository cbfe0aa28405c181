//! What the Linux driver does in Rust: one endpoint of the virtual Ethernet, behind a C interface of plain integers and
//! pointers.
//!
//! ```text
//!   main.c queues.c rx.c tx.c doorbell.c ...          what Linux wants of a network driver
//!                       │  sprig_vni_core.h
//!   this crate: abi     │                             pointers and integers become types
//!               endpoint▼                             the endpoint, its port, lanes and links, in memory of the shim's
//!   vni, shmem                                        the protocol, the window
//! ```
//!
//! Rust sees no type of the kernel, so one object serves all kernels. The pointers that cross this interface are the
//! only ones that the protocol cannot check: `sprig_vni_core.h` and [`abi`] state at each function what the shim must
//! guarantee.

#![no_std]
// The interface hands over raw pointers: this is where they are believed, with the reason at every block.
#![allow(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod abi;
mod endpoint;
#[cfg(target_os = "none")]
mod panic;
