//! The bench of a box: it boots the box, measures, and beside it measures what it is compared with.
//!
//! | module | |
//! |---|---|
//! | [`spec`] | what is to be measured |
//! | [`run`] | a box, from its boot to the [`Bench`](crate::model::Bench) |
//! | [`two_boxes`] | two boxes joined by their network cards |
//! | `traffic` | the cases of routes, in their order |
//! | `probes` | TCP and UDP by iperf3, frames and round trips by the agent |
//! | `devices` | disks and network cards in partitions, beside the same kernel alone on a machine |
//! | `instances` | the instances that can be measured, and the routes between them |
//! | `machines` | two machines without Sprig, joined by virtio |
//! | `route`, `commands` | from one endpoint to another, and how programs run there |
//! | `counts`, `offload` | what a route counts during a sample; cards without offload |
//! | `environment` | the emulated processor and the load of the host |

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
pub mod two_boxes;

pub use self::error::BenchError;
