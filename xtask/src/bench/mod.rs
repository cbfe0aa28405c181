//! `cargo xtask bench`: makes what a bench needs, and runs it. Figures are printed and never asserted: they depend on the
//! host.

mod boot;
mod compare;
mod in_box;
mod native;
mod restart;
mod tap;

use std::path::Path;

use anyhow::Result;
use bench::{file, model, table};
use clap::Subcommand;

use crate::places::Places;

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// The boot of two partitions against that of a single kernel with all their cores and memory
    Boot(boot::Options),
    /// A partition that is started again by another one, or after a panic, against its first boot
    Restart(restart::Options),
    /// Two network namespaces joined by sprig-tap against veth, by iperf3; as root
    Tap(tap::Options),
    /// An endpoint of the virtual Ethernet between two processes, against memif, vhost-user and the queues of others
    Native(native::Options),
    /// The virtual Ethernet of a box against loopback, veth, and two machines joined by virtio
    Box(in_box::Options),
    /// A run of the native bench against one that was recorded on this kind of processor: which ratios have fallen
    Compare(compare::Options),
    /// Two boxes joined by their cards: partitions without a card, by a bridge and by VXLAN, against the cards alone
    Boxes(in_box::Options),
}

pub(crate) fn run(places: &Places, bench: &Bench) -> Result<()> {
    match bench {
        Bench::Boot(options) => boot::run(places, options),
        Bench::Restart(options) => restart::run(places, options),
        Bench::Tap(options) => tap::run(places, options),
        Bench::Native(options) => native::run(places, options),
        Bench::Compare(options) => compare::run(places, options),
        Bench::Box(options) => in_box::one(places, options),
        Bench::Boxes(options) => in_box::two(places, options),
    }
}

/// Prints the table of a bench and writes its file, `name` unless another is wanted.
fn publish(places: &Places, wanted: Option<&Path>, name: &str, bench: &model::Bench) -> Result<()> {
    println!("\n{}", table::table(bench));
    let path = wanted.map_or_else(|| places.target.join("bench").join(name), Path::to_owned);
    file::write(&path, bench)?;
    println!("written to {}", path.display());
    Ok(())
}
