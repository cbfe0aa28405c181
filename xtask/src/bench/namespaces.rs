//! Two network namespaces with two links between them. They are removed when this is dropped.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bench::host;
use bench::wait::wait_until;
use netns::{Killed, Namespace, ip};

use crate::process;
use crate::unpacked::Unpacked;

/// iperf3 among set-up's programs.
pub(super) const IPERF3: &str = "usr/bin/iperf3";
const CARRIER_LIMIT: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(50);
const SENDER: usize = 0;
const RECEIVER: usize = 1;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Link {
    Tap,
    Veth,
}

impl Link {
    /// As figures name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Link::Tap => "sprig-tap",
            Link::Veth => "veth",
        }
    }

    /// Its interface, which has the same name at both ends.
    fn interface(self) -> &'static str {
        match self {
            Link::Tap => "vni0",
            Link::Veth => "veth0",
        }
    }

    fn address(self, end: usize) -> String {
        format!("10.84.{}.{}", self as usize, end + 1)
    }
}

/// Two namespaces, joined by both links.
pub(super) struct Namespaces {
    // Dropped in this order: the hub and the bridge of each end run in the namespaces.
    running: Vec<Killed>,
    ends: [Namespace; 2],
    programs: Unpacked,
    _folder: tempfile::TempDir,
}

impl Namespaces {
    /// Makes them; `bridge` is the program `sprig-tap`.
    pub(super) fn new(bridge: &Path, programs: Unpacked) -> Result<Namespaces> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let socket = folder.path().join("hub");
        let namespace = |end| Namespace::new(format!("sprig-bench-{}-{end}", std::process::id()));
        let ends = [namespace(SENDER)?, namespace(RECEIVER)?];
        let ([a, b], veth) = (ends.each_ref().map(Namespace::name), Link::Veth.interface());
        ip(&format!("link add {veth} netns {a} type veth peer name {veth} netns {b}"))?;
        let mut made = Namespaces { running: Vec::new(), ends, programs, _folder: folder };
        made.start(Command::new(bridge).arg("create").arg("--socket").arg(&socket))?;
        wait_until("the hub to serve", CARRIER_LIMIT, STEP, || Ok(socket.exists()))?;
        for end in [SENDER, RECEIVER] {
            let mut command = made.ends[end].command(bridge);
            made.start(command.arg("join").arg("--socket").arg(&socket).args(["--index", &end.to_string()]))?;
        }
        made.address(Link::Veth)?;
        made.await_carriers()?;
        made.address(Link::Tap)?;
        Ok(made)
    }

    fn address(&self, link: Link) -> Result<()> {
        let interface = link.interface();
        for (end, namespace) in self.ends.iter().enumerate() {
            namespace.ip(&format!("address add {}/24 dev {interface}", link.address(end)))?;
            namespace.ip(&format!("link set {interface} up"))?;
        }
        Ok(())
    }

    fn await_carriers(&mut self) -> Result<()> {
        let interface = Link::Tap.interface();
        for namespace in &self.ends {
            wait_until(&format!("the carrier of {interface}"), CARRIER_LIMIT, STEP, || {
                if let Some(ended) = self.running.iter_mut().find_map(|child| child.0.try_wait().transpose()) {
                    bail!("sprig-tap has ended ({})", ended?);
                }
                Ok(namespace.interface(interface).is_some_and(|shown| shown.contains("LOWER_UP")))
            })?;
        }
        Ok(())
    }

    fn start(&mut self, command: &mut Command) -> Result<()> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        self.running.push(Killed(command.spawn().context("cannot run sprig-tap")?));
        Ok(())
    }

    /// One of set-up's programs, at an end.
    fn command(&self, end: usize, program: &str) -> Command {
        let inside = self.programs.command(program);
        let mut command = self.ends[end].command(inside.get_program());
        command.args(inside.get_args());
        command
    }

    /// An iperf3 server for one test over that link, when it listens.
    pub(super) fn serve(&self, link: Link) -> Result<Killed> {
        let mut command = self.command(RECEIVER, IPERF3);
        command.args(["--server", "--one-off", "--forceflush", "--bind", &link.address(RECEIVER)]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot run iperf3")?;
        let mut server = Killed(child);
        let out = server.0.stdout.take().context("the server has no output")?;
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        let listens = lines.any(|line| line.starts_with("Server listening"));
        listens.then_some(server).context("iperf3's server has ended before it listened")
    }

    pub(super) fn client(&self, link: Link) -> Command {
        let mut command = self.command(SENDER, IPERF3);
        command.args(["--json", "--client", &link.address(RECEIVER)]);
        command
    }

    /// Whether segments and checksums are left to the receiver of a packet: `on` or `off`.
    pub(super) fn set_offload(&self, link: Link, state: &str) -> Result<()> {
        for end in [SENDER, RECEIVER] {
            let mut command = self.command(end, "usr/sbin/ethtool");
            command.args(["-K", link.interface()]);
            command.args(["tx", "sg", "tso", "gso", "gro"].iter().flat_map(|feature| [*feature, state]));
            process::output(&mut command, process::QUICK)?;
        }
        Ok(())
    }

    /// The processor time of the bridges so far, in seconds.
    pub(super) fn bridges_seconds(&self) -> Result<f64> {
        self.running.iter().skip(1).map(|bridge| host::process_seconds(bridge.0.id())).sum()
    }
}
