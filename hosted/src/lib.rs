//! An endpoint of the virtual Ethernet in an ordinary process: the window is a memfd, the doorbell a message
//! queue.
//!
//! ```text
//!   one process                    a Unix socket                     other processes
//!   WindowServer hands out ► memfd, a bell for each partition ────────► WindowFile
//!                                                                          │ Claim: one of its partitions
//!                                                                          ▼
//!   send, publish ──► rings in the memfd, by the driver's own code ──► Endpoint: receive, release
//!                     bell, if the receiver sleeps ──────────────────► one file descriptor to wait on
//! ```
//!
//! | module | |
//! |---|---|
//! | [`window`] | the window's file: made, sealed, mapped |
//! | [`window_server`] | how it comes to other processes |
//! | `path_lock` | which server has a path |
//! | [`claim`] | which endpoint has which partition |
//! | [`endpoint`] | one partition: frames in and out, links, time |
//! | [`counters`] | what it has counted |
//! | [`lent`] | a frame that is read where it lies |
//! | `lane` | a peer and a queue |
//! | `parts` | the protocol's parts, and the memory that they refer to |
//! | `doorbell` | how a peer is rung |
//! | [`bell`] | what wakes the endpoint that is rung |
//! | `wait_set` | what an idle endpoint waits on |
//!
//! [`vni`] trusts nothing that a peer wrote, as in the Linux driver. The file is sealed, so that nobody can shorten it
//! while it is mapped. Sending and receiving make no system call and allocate nothing, unless a peer sleeps and must be
//! rung.

pub mod bell;
pub mod claim;
pub mod counters;
mod doorbell;
pub mod endpoint;
mod lane;
pub mod lent;
mod parts;
mod path_lock;
mod wait_set;
pub mod window;
pub mod window_server;

pub use claim::{Claim, ClaimError};
pub use endpoint::{Endpoint, LinkState, OpenError, Received, TurnOutcome};
pub use lane::Lane;
pub use lent::{LentFrame, LentSpan};
pub use shmem::pool::Span;
pub use vni::descriptor::{Offload, Segmentation};
pub use vni::sender::SendError;
pub use window::{WindowError, WindowFile};
pub use window_server::{Serving, WindowServer, WindowServerError};
