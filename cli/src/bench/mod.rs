//! Measuring what the virtual Ethernet carries, and showing it.
//!
//! ```text
//!   who measures ──► Bench ──► bench.json ──► file ──► Bench ──┬──► table
//!                      └───────────────────────────────────────┴──► report
//! ```
//!
//! | module | |
//! |---|---|
//! | [`model`] | what was measured, as it is written to `bench.json` and read by everything that shows it |
//! | [`mod@file`] | reads `bench.json` |
//! | [`table`] | a bench for the terminal |
//! | [`report`] | benches as one page with plots |
//! | [`question`] | who answered the same question, and how they compare |
//! | [`quantity`], [`words`], [`verdict`] | figures, names and targets in the words that both use |
//! | [`columns`] | columns as wide as a terminal |

pub mod columns;
pub mod file;
#[cfg(test)]
pub(crate) mod made_up;
pub mod model;
pub mod quantity;
pub mod question;
pub mod report;
pub mod table;
pub mod verdict;
pub mod words;
