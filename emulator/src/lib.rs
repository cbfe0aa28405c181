//! QEMU as a library: the emulated machine, its consoles and shells, and boxes that run on it.
//!
//! ```text
//!   box file, images ──► source ──► plan on an emulated machine ──► bundle ──► launch ──► qemu ──► console ──► shell
//!                                                                     └──► iso                        └──► session
//! ```
//!
//! | module | |
//! |---|---|
//! | [`input_file`] | files that a user names, opened by kind and size first |
//! | [`output_file`] | files that a command writes |
//! | [`source`] | a box file with everything that it names, read once |
//! | [`bundle`], [`iso`] | what the boot image is given, as an archive and as a bootable medium |
//! | [`boot_image`] | where the boot image lies |
//! | [`emulated`] | the machine as planning sees it: cores, memory, serial ports, PCI devices |
//! | [`host`] | whether this host has the memory and the disk files that a machine takes |
//! | [`qemu`] | the machine as QEMU runs it |
//! | [`mod@launch`] | from a box file to a running box |
//! | [`mod@alone`] | the kernel of one partition on a machine of its own |
//! | [`console`], [`shell`] | what a serial port says; commands at a shell's prompt behind it |
//! | [`user_network`] | servers on this host for machines on QEMU's user network |
//! | [`session`], [`colours`], [`columns`] | a person in front of a running box, or of a table |
//!
//! The command, the benches, the contributor's tasks and the tests that boot boxes stand on it. It imports `partitioner`
//! and nothing else of ours.

pub mod alone;
pub mod boot_image;
pub mod bundle;
pub mod colours;
pub mod columns;
pub mod console;
pub mod emulated;
pub mod host;
pub mod input_file;
pub mod iso;
pub mod launch;
pub mod output_file;
pub mod qemu;
pub mod session;
pub mod shell;
pub mod source;
pub mod user_network;
