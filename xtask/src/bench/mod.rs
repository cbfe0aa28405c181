//! `cargo xtask bench`: what it costs, measured. Figures are printed and never asserted: they are the host's, too.

mod boot;
mod boot_figures;
mod in_box;
mod iperf;
mod namespaces;
mod native;
mod native_targets;
mod sample;
mod tap;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
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
    /// Two network namespaces joined by sprig-tap against veth, by iperf3; as root
    Tap(tap::Options),
    /// An endpoint of the virtual Ethernet between two processes, against memif, vhost-user and the queues of others
    Native(native::Options),
    /// The virtual Ethernet of a box against loopback, veth, and two machines joined by virtio
    Box(in_box::Options),
    /// Two boxes joined by their cards: partitions without a card, by a bridge and by VXLAN, against the cards alone
    Boxes(in_box::Options),
}

/// Measures.
pub(crate) fn run(places: &Places, options: &Options) -> Result<()> {
    match &options.what {
        What::Boot(options) => boot::run(places, options),
        What::Tap(options) => tap::run(places, options),
        What::Native(options) => native::run(places, options),
        What::Box(options) => in_box::one(places, options),
        What::Boxes(options) => in_box::two(places, options),
    }
}

/// Writes the figures, and says where.
fn write(path: &Path, json: &serde_json::Value) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let text = format!("{json:#}\n");
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    println!("  written to {}", path.display());
    Ok(())
}
