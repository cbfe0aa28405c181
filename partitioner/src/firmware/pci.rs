//! PCI functions, from configuration space (PCI Local Bus Specification 3.0, chapter 6; PCI-to-PCI Bridge Architecture
//! Specification 1.2, chapter 3).
//!
//! [`functions`] reads what is there; [`number_buses`] and [`place`](mod@place) first put right what the firmware has
//! left undone. All see configuration space through [`ConfigSpace`]: the boot image implements it on the machine,
//! [`Recorded`] on bytes that were kept, so that the same bytes give the same functions.

mod config_space;
mod function;
mod numbers;
pub mod place;
mod recorded;
pub mod register;
mod restore;
mod scan;

pub use config_space::ConfigSpace;
pub use numbers::{Numbered, number_buses};
pub use recorded::{Recorded, RecordedFunction};
pub use register::{BRIDGE_CONTROL, COMMAND, Command, MSI_CONTROL, MSI_ENABLE, MSI_X_ENABLE, SECONDARY_BUS_RESET};
pub use restore::restore;
pub use scan::functions;

#[cfg(test)]
mod tests;
