//! The library of the `sprig` command.
pub mod bundle;
pub mod console;
pub mod qemu;
