//! The policy of Sprig: from what a machine has and what its owner wants to the bytes that each kernel sees.
//!
//! ```text
//!   firmware tables ──► Inventory ─┐
//!                                  ├─► plan() ──► Plan ──► view: zero page, e820, ACPI tables, command line
//!   box file, images ──► Request ──┘                  └──► apply(&Plan, &mut impl Machine)
//! ```
//!
//! Everything here is pure: no pointer is followed, no port is touched, nothing is printed, and no input makes it
//! panic. The boot image runs it against the machine it has just booted on; the `sprig` command runs the same code on
//! a host, against a recorded or an emulated machine, and gets the same answer.
//!
//! | module | what it holds |
//! |---|---|
//! | [`address`] | physical memory ranges with checked arithmetic |
//! | [`size`] | sizes as a box file writes them |
//! | [`amount`] | amounts of memory as people read them |
//! | [`inventory`] | what the machine has |
//! | [`pci`] | PCI functions: addresses, classes, buses, windows |
//! | [`firmware`] | how firmware tables (MADT, SRAT, MCFG) and PCI configuration space become an inventory |
//! | [`bundle`] | what the boot image is given: box file, images, and a manifest that guards them |
//! | [`config`] | the box file that the owner wrote |
//! | [`bzimage`] | the setup header of a stock kernel image |
//! | [`initrd`] | the format of an initial RAM disk, and how much memory it takes unpacked |
//! | [`request`] | the box file together with the images it names: what is wanted |
//! | [`mod@plan`] | what each partition gets, or every reason why that cannot be |
//! | [`allotment`] | the whole memory of a machine, and what a plan makes of each stretch |
//! | [`view`] | the bytes that each instance sees |
//! | [`load_list`] | what is done before a partition's kernel is entered, as bytes |
//! | [`another_kernel`] | such a list for another kernel, made while the box runs |
//! | [`apply`] | the plan carried out through the verbs of a [`machine::Machine`] |
//! | [`diagnostic`] | what users read of every error: code, message, places in the box file, help |

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod address;
pub mod allotment;
pub mod amount;
pub mod another_kernel;
pub mod apply;
pub mod bundle;
pub mod bzimage;
pub mod config;
pub mod diagnostic;
pub mod firmware;
pub mod initrd;
pub mod inventory;
pub mod layout;
pub mod load_list;
pub mod machine;
pub mod pci;
pub mod plan;
pub mod request;
pub mod size;
pub mod view;
