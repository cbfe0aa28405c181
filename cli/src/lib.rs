//! What the `sprig` command does, as a library: the demo and the tests that boot boxes use the same pieces.
//!
//! ```text
//!   box file, images ──► source ──► plan on an emulated machine ──► bundle ──► launch ──► qemu, console
//!                          │                                          └──► iso
//!                          └──► render (what is wrong with it)
//! ```
//!
//! [`commands`] holds one module for each subcommand and nothing that another could want.

pub mod allotment;
pub mod amount;
pub mod bench;
pub mod boot_image;
pub mod bundle;
pub mod commands;
pub mod console;
pub mod emulated;
pub mod iso;
pub mod launch;
pub mod picture;
pub mod processor;
pub mod qemu;
pub mod recorded;
pub mod render;
pub mod session;
pub mod shell;
pub mod source;
pub mod table;
