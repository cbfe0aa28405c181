//! The bench of a box: it boots the box, measures, and beside it measures what it is compared with.

mod commands;
mod counts;
mod devices;
mod environment;
mod error;
mod instances;
mod machines;
mod offload;
mod probes;
mod route;
pub mod run;
pub mod spec;
mod traffic;
mod two_boxes;

pub use self::error::BenchError;
