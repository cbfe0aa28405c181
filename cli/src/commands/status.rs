//! `sprig status`: how all partitions of a box are that another process runs.

use lifecycle::show::{Form, Times, show};

use crate::live::client::Client;

/// Show how all partitions of a running box are
///
/// Of a box that `sprig run` of the same user runs. Shows a line for each partition, by its own account: planned, starting,
/// running, panicked, halted, powered off, rebooting, stopping, stopped or failed. `uptime` is how long it has been so, and
/// `restarts` how often it was started again.
#[derive(clap::Args)]
pub struct Status {
    /// The box, by its name in the box file [default: the only one that runs]
    #[arg(long = "box", value_name = "NAME")]
    box_name: Option<String>,
    /// Print an object of JSON instead of a table: {"partitions": [...]}, in one line
    #[arg(long)]
    json: bool,
    /// Show it again every second, until Ctrl-C; where the output is no terminal, or with --json, whenever something has
    /// changed
    #[arg(long, short)]
    watch: bool,
}

impl Status {
    /// Shows it.
    ///
    /// # Errors
    /// If no such box runs, or it does not answer.
    pub fn run(&self) -> anyhow::Result<()> {
        let mut client = Client::connect(self.box_name.as_deref())?;
        Ok(show(Form::of(self.json), Times::of(self.watch), || client.status())?)
    }
}
