//! The library of the `sprig` command.
pub mod boot_image;
pub mod bundle;
pub mod console;
pub mod emulated;
pub mod iso;
pub mod launch;
pub mod qemu;
pub mod render;
pub mod source;
