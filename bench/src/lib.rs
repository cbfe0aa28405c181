//! All that measures, and what shows it.
//!
//! ```text
//!   probe, probe, ... ──► rounds ──► Bench ──► bench.json ──► Bench ──┬──► table
//!                                      │                              └──► report
//!                                   targets
//! ```
//!
//! | module | |
//! |---|---|
//! | [`boxes`] | the bench of a box, and of two |
//! | [`model`], [`file`](mod@file) | what was measured, and how `bench.json` holds it |
//! | [`statistics`] | median and range of samples |
//! | [`probe`] | one way to measure |
//! | [`rounds`] | samples all probes in interleaved rounds |
//! | [`targets`] | what is to be reached |
//! | [`host`] | whether the host that measures is quiet |
//! | [`iperf`] | the report of iperf3 |
//! | [`comparison`] | which measurements can be compared, and with which references |
//! | [`labels`], [`quantity`], [`verdict`] | names, figures and targets for people |
//! | [`table`] | a bench for the terminal, in [`columns`] |
//! | [`report`] | benches as one page with plots |

pub mod boxes;
pub mod columns;
pub mod comparison;
pub mod file;
#[cfg(test)]
mod fixtures;
pub mod host;
pub mod iperf;
pub mod labels;
pub mod model;
pub mod probe;
pub mod quantity;
pub mod report;
pub mod rounds;
pub mod statistics;
pub mod table;
pub mod targets;
pub mod verdict;
