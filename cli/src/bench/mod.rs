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
//! | [`wish`] | what is to be measured in a box |
//! | [`campaign`] | boots the box and carries the wish out, from the first boot to the [`model::Bench`] |
//! | `site`, `end` | the instances that can be measured, and the paths between their ends |
//! | `machines` | two machines without Sprig, joined by virtio, to compare with |
//! | `task`, `iperf`, `bench-agent`, `offload` | a question to a path, and the programs that answer it |
//! | `devices` | disks and network cards in partitions, beside the same kernel alone on a machine |
//! | [`boxes`] | two boxes joined by their network cards |
//! | `asked` | a question to a path or a device |
//! | `circumstances` | the emulated processor, and what others do on the host |
//! | `counts` | what is counted beside: doorbells, polls, drops, processor time |
//! | `rounds` | in which order it is asked |
//! | `targets` | what is to be reached |
//! | [`host`] | whether the host that measures is quiet |
//! | [`mod@file`] | reads `bench.json` |
//! | [`table`] | a bench for the terminal |
//! | [`report`] | benches as one page with plots |
//! | [`question`] | who answered the same question, and how they compare |
//! | [`quantity`], [`words`], [`verdict`] | figures, names and targets in the words that both use |
//! | [`columns`] | columns as wide as a terminal |

mod asked;
pub mod boxes;
pub mod campaign;
mod circumstances;
pub mod columns;
mod counts;
mod devices;
mod end;
mod fault;
pub mod file;
mod gauge;
pub mod host;
mod iperf;
mod machines;
#[cfg(test)]
pub(crate) mod made_up;
pub mod model;
mod offload;
pub mod quantity;
pub mod question;
pub mod report;
mod rounds;
mod site;
pub mod table;
mod targets;
mod task;
pub mod verdict;
pub mod wish;
pub mod words;

pub use self::fault::Fault;
