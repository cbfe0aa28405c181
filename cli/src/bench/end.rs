//! The two ends of what is measured, and the path between them.

use std::time::Duration;

use emulator::shell::Shell;

use super::fault::Fault;
use super::iperf;
use super::model::Pair;
use super::wish::Subject;

/// How long a command may take that measures nothing, on a busy host in emulation.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// iperf3's own.
const FIRST_PORT: u16 = 5201;
/// How many ports an end has.
const PORTS: u16 = 10;

/// A network card.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Card {
    /// That of the virtual Ethernet, which counts doorbells and polls.
    Vni(String),
    /// Any other.
    Other(String),
}

impl Card {
    /// As Linux calls it.
    pub(super) fn name(&self) -> &str {
        match self {
            Card::Vni(name) | Card::Other(name) => name,
        }
    }
}

/// Where one end's programs run, and what they send through.
#[derive(Clone)]
pub(super) struct End {
    name: String,
    shell: Shell,
    /// What is put before a program: `taskset`, `ip netns exec`.
    within: String,
    card: Card,
    address: String,
    port: u16,
}

impl End {
    pub(super) fn new(name: &str, shell: &Shell, within: &str, card: Card, address: &str) -> End {
        let (name, within, address) = (name.to_owned(), within.to_owned(), address.to_owned());
        End { name, shell: shell.clone(), within, card, address, port: FIRST_PORT }
    }

    /// With ports of its own, since another end is in the same network namespace.
    pub(super) fn beside_another(mut self) -> End {
        self.port += PORTS;
        self
    }

    /// For people.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn card(&self) -> &Card {
        &self.card
    }

    /// Its IPv4 address.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The first of its few ports, where its servers listen.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn shell(&self) -> &Shell {
        &self.shell
    }

    /// The command that runs `program` at this end.
    pub(super) fn command(&self, program: &str) -> String {
        format!("{}{program}", self.within)
    }

    /// Starts a program that runs beside others.
    pub(super) fn start(&self, job: &str, program: &str) -> Result<(), Fault> {
        Ok(self.shell.start(job, &self.command(program))?)
    }

    /// Waits for the end of a program that was started: what it printed.
    pub(super) fn finish(&self, job: &str, limit: Duration) -> Result<String, Fault> {
        Ok(self.shell.finish(job, limit)?)
    }

    /// Starts what serves the other ends of paths to here.
    pub(super) fn serve(&self) -> Result<(), Fault> {
        iperf::serve(self)
    }

    /// Runs a program that measures nothing.
    pub(super) fn run(&self, program: &str) -> Result<String, Fault> {
        Ok(self.shell.run(&self.command(program), COMMAND_LIMIT)?)
    }

    /// Runs a program that takes so long by itself: what it prints, whether it succeeds or not.
    pub(super) fn measure(&self, program: &str, takes: Duration) -> Result<String, Fault> {
        Ok(self.shell.try_run(&self.command(program), takes + COMMAND_LIMIT)?.output)
    }
}

/// From one end to another.
#[derive(Clone)]
pub(super) struct Path {
    pub(super) subject: Subject,
    /// Whose it is, if it joins two partitions.
    pub(super) pair: Option<Pair>,
    pub(super) from: End,
    pub(super) to: End,
}

impl Path {
    /// For people.
    pub(super) fn told(&self) -> String {
        match &self.pair {
            Some(pair) => format!("{} {}:{}", self.subject.name(), pair.from, pair.to),
            None => self.subject.name().to_owned(),
        }
    }
}
