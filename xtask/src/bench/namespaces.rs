//! Two network namespaces with two links between them. They are removed when this is dropped.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bench::host;
use bench::wait::wait_until;

use crate::process;
use crate::unpacked::Unpacked;

/// iperf3 among set-up's programs.
pub(super) const IPERF3: &str = "usr/bin/iperf3";
/// How long the bridges may take to bring their carriers up.
const CARRIER_LIMIT: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(50);
/// The two namespaces.
const SENDER: usize = 0;
const RECEIVER: usize = 1;

/// What joins the namespaces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Link {
    Tap,
    Veth,
}

/// Whether segments and checksums are left to the receiver of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Offload {
    On,
    Off,
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

impl Offload {
    /// As figures and ethtool name it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Offload::On => "on",
            Offload::Off => "off",
        }
    }
}

/// A process that is killed when this is dropped.
pub(super) struct Killed(Child);

/// Two namespaces, joined by both links.
pub(super) struct Namespaces {
    names: [String; 2],
    programs: Unpacked,
    /// The hub, and the bridge of each end.
    running: Vec<Killed>,
    _folder: tempfile::TempDir,
}

impl Namespaces {
    /// Makes them; `bridge` is the program `sprig-tap`.
    pub(super) fn new(bridge: &Path, programs: Unpacked) -> Result<Namespaces> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let socket = folder.path().join("hub");
        let names = [SENDER, RECEIVER].map(|end| format!("sprig-bench-{}-{end}", std::process::id()));
        // The drop removes what was made, whatever fails from here on.
        let mut made = Namespaces { names, programs, running: Vec::new(), _folder: folder };
        made.join_by_veth()?;
        made.start(Command::new(bridge).arg("create").arg("--socket").arg(&socket))?;
        wait_until("the hub to serve", CARRIER_LIMIT, STEP, || Ok(socket.exists()))?;
        for end in [SENDER, RECEIVER] {
            let mut command = made.host_command(end, bridge);
            command.arg("join").arg("--socket").arg(&socket).args(["--index", &end.to_string()]);
            made.start(&mut command)?;
        }
        made.address(Link::Veth)?;
        made.await_carriers()?;
        made.address(Link::Tap)?;
        Ok(made)
    }

    fn join_by_veth(&self) -> Result<()> {
        for name in &self.names {
            ip(&format!("netns add {name}"))?;
        }
        let ([a, b], interface) = (&self.names, Link::Veth.interface());
        ip(&format!("link add {interface} netns {a} type veth peer name {interface} netns {b}")).map(drop)
    }

    fn address(&self, link: Link) -> Result<()> {
        for (end, name) in self.names.iter().enumerate() {
            let interface = link.interface();
            ip(&format!("-n {name} address add {}/24 dev {interface}", link.address(end)))?;
            ip(&format!("-n {name} link set {interface} up"))?;
        }
        Ok(())
    }

    fn await_carriers(&mut self) -> Result<()> {
        let interface = Link::Tap.interface();
        for name in &self.names {
            wait_until(&format!("the carrier of {interface}"), CARRIER_LIMIT, STEP, || {
                if let Some(ended) = self.running.iter_mut().find_map(|child| child.0.try_wait().transpose()) {
                    bail!("sprig-tap has ended ({})", ended?);
                }
                let shown = ip(&format!("-o -n {name} link show"))?;
                Ok(shown.lines().any(|line| line.contains(interface) && line.contains("LOWER_UP")))
            })?;
        }
        Ok(())
    }

    fn start(&mut self, command: &mut Command) -> Result<()> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        self.running.push(Killed(command.spawn().context("cannot run sprig-tap")?));
        Ok(())
    }

    fn host_command(&self, end: usize, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.names[end]]).arg(program);
        command
    }

    /// One of set-up's programs, at an end.
    fn command(&self, end: usize, program: &str) -> Command {
        let inside = self.programs.command(program);
        let mut command = self.host_command(end, Path::new(inside.get_program()));
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
        for line in BufReader::new(out).lines() {
            if line?.starts_with("Server listening") {
                return Ok(server);
            }
        }
        bail!("iperf3's server has ended before it listened")
    }

    /// An iperf3 client over that link.
    pub(super) fn client(&self, link: Link) -> Command {
        let mut command = self.command(SENDER, IPERF3);
        command.args(["--json", "--client", &link.address(RECEIVER)]);
        command
    }

    pub(super) fn set_offload(&self, link: Link, offload: Offload) -> Result<()> {
        for end in [SENDER, RECEIVER] {
            let mut command = self.command(end, "usr/sbin/ethtool");
            command.args(["-K", link.interface()]);
            command.args(["tx", "sg", "tso", "gso", "gro"].iter().flat_map(|feature| [*feature, offload.word()]));
            process::output(&mut command, process::QUICK)?;
        }
        Ok(())
    }

    /// The processor time of the bridges so far, in seconds.
    pub(super) fn bridges_seconds(&self) -> Result<f64> {
        self.running.iter().skip(1).map(|bridge| host::process_seconds(bridge.0.id())).sum()
    }
}

/// `ip` of this host, which set-up has seen to.
fn ip(arguments: &str) -> Result<String> {
    process::output(Command::new("ip").args(arguments.split_whitespace()), process::QUICK)
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        self.running.clear();
        for name in &self.names {
            let _ = ip(&format!("netns delete {name}"));
        }
    }
}
