//! `sprig start`, `sprig stop` and `sprig restart`: orders for partitions of a box that another process runs.

use lifecycle::verb::Verb;

use super::print;
use crate::live::client::Client;
use crate::live::protocol::Request;

/// Start a partition of a running box that does not run
///
/// Its kernel and initial file system are loaded anew, as at the start of the box. It may have been stopped, powered off or
/// halted, or its kernel may have panicked.
#[derive(clap::Args)]
pub struct Start {
    #[command(flatten)]
    target: Target,
}

/// Stop a partition of a running box, whatever it does
///
/// Its cores are taken away from its kernel at once: it has no chance to write anything. To shut a system down, run
/// `poweroff` in it instead.
#[derive(clap::Args)]
pub struct Stop {
    #[command(flatten)]
    target: Target,
}

/// Stop a partition of a running box, whatever it does, and start it again
///
/// As `stop` and `start`. To let a system shut down before, run `reboot` in it instead.
#[derive(clap::Args)]
pub struct Restart {
    #[command(flatten)]
    target: Target,
}

/// Whom an order is for, and whether to wait for its end.
#[derive(clap::Args)]
struct Target {
    /// The partition, by its name in the box file
    name: String,
    /// The box, by its name in the box file [default: the only one that runs]
    #[arg(long = "box", value_name = "NAME")]
    box_name: Option<String>,
    /// Wait until that is done: until it is stopped, or until it has started and its driver is loaded
    #[arg(long, short)]
    wait: bool,
    /// How long to wait at most
    #[arg(long, value_name = "SECONDS", requires = "wait", default_value_t = 60)]
    timeout: u32,
}

impl Start {
    /// Starts it.
    ///
    /// # Errors
    /// If no such box runs, or it refuses.
    pub fn run(&self) -> anyhow::Result<()> {
        self.target.order(Verb::Start)
    }
}

impl Stop {
    /// Stops it.
    ///
    /// # Errors
    /// If no such box runs, or it refuses.
    pub fn run(&self) -> anyhow::Result<()> {
        self.target.order(Verb::Stop)
    }
}

impl Restart {
    /// Restarts it.
    ///
    /// # Errors
    /// If no such box runs, or it refuses.
    pub fn run(&self) -> anyhow::Result<()> {
        self.target.order(Verb::Restart)
    }
}

impl Target {
    fn order(&self, verb: Verb) -> anyhow::Result<()> {
        let wait = self.wait.then_some(self.timeout);
        let order = Request::Order { verb, partition: self.name.clone(), wait };
        let line = Client::connect(self.box_name.as_deref())?.order(&order)?;
        print(&format!("{line}\n"))
    }
}
