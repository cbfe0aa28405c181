//! The Rust core of `sprig_vni.ko`: what its C shim calls, over `shmem` and `vni`.
//!
//! The shim (`main.c` and its neighbours) speaks to Linux, this core to the window. Between them stands
//! `sprig_vni_core.h`, plain integers and pointers only, so that no structure of a kernel reaches Rust and one object,
//! built once, links into modules for every kernel. On a host this is an ordinary library, for its tests.

#![no_std]

pub mod abi;
#[cfg(target_os = "none")]
mod panic;
