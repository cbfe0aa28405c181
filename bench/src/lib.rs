//! All that measures, and what shows it.
//!
//! ```text
//!   probe, probe, ... ──► rounds ──► Bench ──► bench.json ──► Bench ──┬──► table
//!                                      │                              └──► report
//!                                   targets
//! ```

pub mod boxes;
mod comparison;
pub mod file;
#[cfg(test)]
mod fixtures;
pub mod host;
pub mod iperf;
pub mod labels;
pub mod model;
pub mod probe;
pub mod quantity;
pub mod regression;
pub mod report;
pub mod rounds;
pub mod statistics;
pub mod table;
pub mod targets;
mod verdict;
pub mod wait;
