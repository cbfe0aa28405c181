//! A station of the virtual Ethernet in an ordinary process: the window is a memfd, the doorbell an eventfd.
//!
//! ```text
//!   one process                    a Unix socket                     other processes
//!   Hub ──── hands out ────► memfd, an eventfd for each partition ────► WindowFile
//!                                                                          │ Claim: one of its partitions
//!                                                                          ▼
//!   send, publish ──► rings in the memfd, by the driver's own code ──► Endpoint: receive, release
//!                     eventfd, if the receiver sleeps ───────────────► one file descriptor to wait on
//! ```
//!
//! | module | |
//! |---|---|
//! | [`window`] | the window's file: made, sealed, mapped |
//! | [`hub`] | how it comes to other processes |
//! | [`claim`] | who has which partition |
//! | [`endpoint`] | one partition: frames in and out, links, time |
//! | [`counters`] | what it has counted |
//! | `rig` | the protocol's parts, and the memory that they refer to |
//! | `bell` | how a peer is rung |
//! | `waiting` | what an idle endpoint waits on |
//!
//! What a peer wrote is distrusted by [`vni`], as in the Linux driver. The file is sealed, so that nobody can cut it
//! under us. Sending and receiving make no system call and allocate nothing, unless a peer sleeps and must be rung.

mod bell;
pub mod claim;
pub mod counters;
pub mod endpoint;
pub mod hub;
mod rig;
mod waiting;
pub mod window;

pub use claim::{Claim, ClaimError};
pub use endpoint::{Endpoint, Lane, LinkState, OpenError, Received, Turned};
pub use hub::{Hub, HubError, Serving};
pub use vni::descriptor::{Offload, Segmentation};
pub use vni::sender::Refusal;
pub use window::{WindowError, WindowFile};
