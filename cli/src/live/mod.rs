//! A box that `sprig run` runs, in reach of other `sprig` processes of the same user.
//!
//! ```text
//!   sprig restart db ──► client ──► socket of the box ──► server ──► orders ──► control page, in the machine's memory
//!   sprig status     ◄──                                                   └──► NMI, by QEMU
//!                                   changes ──► notices of sprig run
//! ```
//!
//! | module | |
//! |---|---|
//! | [`names`] | the folder of sockets, one for each box that runs, and its sweeping |
//! | [`protocol`] | what is asked and answered there |
//! | [`server`], [`client`] | both ends |
//! | [`running`] | the partitions of the box, by the control page |
//! | [`sight`] | what is seen of them only by looking again and again |
//! | [`orders`] | orders to them |
//! | [`changes`] | what becomes of them, as it happens |

mod changes;
pub(crate) mod client;
mod names;
mod orders;
pub(crate) mod protocol;
mod running;
mod server;
mod sight;
#[cfg(test)]
mod tests;

pub(crate) use self::changes::follow;
pub(crate) use self::running::LiveBox;
pub(crate) use self::server::Server;
