//! `cargo xtask bench`: what it costs, measured. Figures are printed and never asserted: they are the host's, too.

mod boot;
mod boot_figures;
mod in_box;
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
    /// The virtual Ethernet of a box against loopback, veth, and two machines joined by virtio
    Box(in_box::Options),
}

/// Measures.
pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    match &options.what {
        What::Boot(options) => boot::run(places, options),
        What::Box(options) => in_box::run(places, options),
    }
}
