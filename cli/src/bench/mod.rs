//! Measuring what the virtual Ethernet carries.
//!
//! | module | |
//! |---|---|
//! | [`model`] | what was measured, as it is written to `bench.json` and read by everything that shows it |
//! | [`wish`] | what is to be measured in a box |
//! | [`campaign`] | boots the box and carries the wish out, from the first boot to the [`model::Bench`] |
//! | `site`, `end` | the instances that can be measured, and the paths between their ends |
//! | `machines` | two machines without Sprig, joined by virtio, to compare with |
//! | `task`, `iperf`, `gauge`, `offload` | a question to a path, and the programs that answer it |
//! | `counts` | what is counted beside: doorbells, polls, drops, processor time |
//! | `rounds` | in which order it is asked |
//! | `targets` | what is to be reached |
//! | [`host`] | whether the host that measures is quiet |

pub mod campaign;
mod counts;
mod end;
mod fault;
mod gauge;
pub mod host;
mod iperf;
mod machines;
pub mod model;
mod offload;
mod rounds;
mod site;
mod targets;
mod task;
pub mod wish;

pub use self::fault::Fault;
