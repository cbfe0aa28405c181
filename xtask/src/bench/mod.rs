//! `cargo xtask bench`: what it costs, measured. Figures are printed and never asserted: they are the host's, too.

mod boot;
mod boot_figures;
mod host;
mod native;
mod native_targets;
mod sample;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::places::Places;

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The boot of two partitions against that of a single kernel with all their cores and memory
    Boot(boot::Options),
    /// An endpoint of the virtual Ethernet between two processes, against memif, vhost-user and the queues of others
    Native(native::Options),
}

/// Measures.
pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    match &options.what {
        What::Boot(options) => boot::run(places, options),
        What::Native(options) => native::run(places, options),
    }
}
