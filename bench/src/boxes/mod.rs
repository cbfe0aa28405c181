//! The bench of a box: it boots the box, measures, and beside it measures what it is compared with.

mod commands;
mod counts;
mod devices;
mod instances;
mod offload;
mod probes;
mod route;
pub mod run;
pub mod spec;
mod traffic;
mod two_boxes;
mod virtio;

use std::fmt::Display;
use std::time::Duration;

/// How long the boot image may take to start all kernels, and then an instance to reach its prompt, on a busy host in
/// emulation.
const BOOT_LIMIT: Duration = Duration::from_secs(180);
/// Makes QEMU open a copy of each image, so that a bench changes none.
const COPIES: &str = "-snapshot";

/// The outcome, unless it is an error: that is a remark.
fn kept<T, E: Display>(outcome: Result<T, E>, name: &dyn Display, remarks: &mut Vec<String>) -> Option<T> {
    outcome.map_err(|error| remarks.push(format!("{name} is left out: {error:#}"))).ok()
}
