//! `sprig status`: how all partitions of the box are.
//!
//! What is said of each partition, and how it is shown, is in the package [`lifecycle`]; the states of the [`links`] to the
//! others are seen only from here.

mod links;

use std::io;

use lifecycle::condition::Heart;
use lifecycle::row::{Known, Row, rows};
use lifecycle::show::{Form, Times, show};

use self::links::Links;
use crate::driver::{Access, Driver, DriverError};
use crate::partitions::{Partition, Partitions, PartitionsError};
use crate::snapshot::{PageError, Snapshot};

/// Show how all partitions are
///
/// Shows a line for each partition of the box, by its own account: planned, starting, running, stalled (its kernel hangs),
/// frozen, panicked, halted, powered off, rebooting, stopping, stopped or failed. `uptime` is how long it has been so, `restarts`
/// how often it was started again, and `link` the state of the virtual Ethernet to it.
#[derive(clap::Args, Debug)]
pub(crate) struct Status {
    /// Print an object of JSON instead of a table: {"partitions": [...]}, in one line
    #[arg(long)]
    json: bool,
    /// Show it again every second, until Ctrl-C; where the output is no terminal, or with --json, whenever something has
    /// changed
    #[arg(long, short)]
    watch: bool,
}

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StatusError {
    /// The partitions are not known.
    #[error(transparent)]
    Partitions(#[from] PartitionsError),
    /// The driver is not reached.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The control page is not one that this program knows.
    #[error(transparent)]
    Page(#[from] PageError),
    /// Standard output cannot be written to.
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
}

impl Status {
    /// Shows it.
    pub(crate) fn run(&self) -> Result<(), StatusError> {
        let partitions = Partitions::read()?;
        let driver = Driver::open(Access::Look, partitions.all().len())?;
        let look = || Ok::<_, StatusError>(look(&partitions, &driver.snapshot()?));
        show(Form::of(self.json), Times::of(self.watch), look)
    }
}

fn look(partitions: &Partitions, snapshot: &Snapshot) -> Vec<Row> {
    let links = Links::read();
    let known = |(index, partition): (usize, &Partition)| Known {
        heart: Heart::by_link(links.to(index)),
        name: partition.name.clone(),
        memory_bytes: partition.memory.iter().map(|range| range.last() - range.first() + 1).sum(),
        link: links.to(index).map(str::to_owned),
    };
    let known: Vec<_> = partitions.all().iter().enumerate().map(known).collect();
    rows(&known, Some(partitions.own()), snapshot)
}
