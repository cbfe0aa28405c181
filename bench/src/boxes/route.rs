//! Two endpoints, and the route between them.

use std::time::Duration;

use anyhow::Result;
use emulator::shell::Shell;

use super::commands::{COMMAND_LIMIT, Commands};
use super::spec::{Metric, Subject};
use crate::model::{Case, Pair};

/// The driver's name of the virtual Ethernet.
pub(super) const VNI_CARD: &str = "vni0";
/// iperf3's own.
pub(super) const FIRST_PORT: u16 = 5201;
pub(super) const PORTS: u16 = 10;
/// How long a link may take to come up.
const LINK_LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) commands: Commands,
    /// Its network card, by Linux's name.
    pub(super) card: String,
    pub(super) address: String,
    pub(super) port: u16,
}

#[derive(Clone)]
pub(super) struct Route {
    pub(super) subject: Subject,
    pub(super) pair: Option<Pair>,
    pub(super) from: Endpoint,
    pub(super) to: Endpoint,
    /// What makes frames take this route, where others share its cards: a command for each of several shells.
    pub(super) steering: Option<(Vec<Shell>, String)>,
}

impl Endpoint {
    pub(super) fn new(commands: Commands, card: &str, address: &str) -> Endpoint {
        Endpoint { commands, card: card.to_owned(), address: address.to_owned(), port: FIRST_PORT }
    }

    /// Starts the iperf3 server that routes to here need.
    pub(super) fn serve(&self) -> Result<()> {
        self.commands.run(&format!("iperf3 --server --daemon --port {}", self.port)).map(drop)
    }
}

impl Route {
    pub(super) fn new(subject: Subject, pair: Option<Pair>, from: Endpoint, to: Endpoint) -> Route {
        Route { subject, pair, from, to, steering: None }
    }

    pub(super) fn case(&self, metric: Metric, unit: &str) -> Case {
        Case { pair: self.pair.clone(), ..Case::new(&metric.to_string(), &self.subject.to_string(), unit) }
    }

    /// Makes frames take this route until another one is steered.
    pub(super) fn steer(&self) -> Result<()> {
        let Some((shells, command)) = &self.steering else { return Ok(()) };
        for shell in shells {
            shell.run(command, COMMAND_LIMIT)?;
        }
        self.await_answer()
    }

    /// Waits until one end reaches the other.
    pub(super) fn await_answer(&self) -> Result<()> {
        let Commands { shell, .. } = &self.from.commands;
        let ping = self.from.commands.line(&format!("ping -q -c 1 -W 1 {} > /dev/null", self.to.address));
        let show = "ip -s neigh; cat /sys/class/net/vni0/vni/links";
        Ok(shell.wait_until(&ping, LINK_LIMIT, show)?)
    }
}
