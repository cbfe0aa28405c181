//! Two network namespaces with two links between them, gone when this is dropped.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process;
use crate::unpacked::Unpacked;

/// How long the bridges have to bring their carriers up.
const CARRIER_LIMIT: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Of the kernel's clock in `/proc/PID/stat`, on every architecture that Sprig runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// What joins the namespaces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Link {
    Tap,
    Veth,
}

/// Whether segments and checksums are left to whom a packet is handed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Offload {
    On,
    Off,
}

/// One end of the links.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    Sender,
    Receiver,
}

impl Link {
    /// As figures name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Link::Tap => "sprig-tap",
            Link::Veth => "veth",
        }
    }

    /// Its interface, called alike on both ends.
    fn interface(self) -> &'static str {
        match self {
            Link::Tap => "vni0",
            Link::Veth => "veth0",
        }
    }

    /// The address of an end.
    pub(super) fn address(self, end: End) -> String {
        let network = match self {
            Link::Tap => 0,
            Link::Veth => 1,
        };
        format!("10.84.{network}.{}", end.number() + 1)
    }
}

impl End {
    const BOTH: [End; 2] = [End::Sender, End::Receiver];

    fn number(self) -> usize {
        match self {
            End::Sender => 0,
            End::Receiver => 1,
        }
    }
}

/// Two namespaces, joined by both links.
pub(super) struct Namespaces<'a> {
    names: [String; 2],
    programs: &'a Unpacked,
    /// The hub, and the bridge of each end.
    running: Vec<Child>,
    _folder: tempfile::TempDir,
}

impl<'a> Namespaces<'a> {
    /// Makes them; `bridge` is the program `sprig-tap`.
    pub(super) fn new(bridge: &Path, programs: &'a Unpacked) -> Result<Namespaces<'a>> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let socket = folder.path().join("hub");
        let names = End::BOTH.map(|end| format!("sprig-bench-{}-{}", std::process::id(), end.number()));
        // Whatever fails from here on, what was made is taken away by the drop.
        let mut made = Namespaces { names, programs, running: Vec::new(), _folder: folder };
        made.join_by_veth()?;
        made.start(Command::new(bridge).arg("create").arg("--socket").arg(&socket))?;
        wait_until("the hub to serve", || Ok(socket.exists()))?;
        for end in End::BOTH {
            let mut command = made.host_command(end, bridge);
            command.arg("join").arg("--socket").arg(&socket).args(["--index", &end.number().to_string()]);
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
        let [a, b] = &self.names;
        let interface = Link::Veth.interface();
        ip(&format!("link add {interface} netns {a} type veth peer name {interface} netns {b}")).map(drop)
    }

    fn address(&self, link: Link) -> Result<()> {
        for end in End::BOTH {
            let (name, interface) = (&self.names[end.number()], link.interface());
            ip(&format!("-n {name} address add {}/24 dev {interface}", link.address(end)))?;
            ip(&format!("-n {name} link set {interface} up"))?;
        }
        Ok(())
    }

    fn await_carriers(&mut self) -> Result<()> {
        for name in self.names.clone() {
            wait_until(&format!("the carrier of {}", Link::Tap.interface()), || {
                if let Some(ended) = self.running.iter_mut().find_map(|child| child.try_wait().transpose()) {
                    bail!("sprig-tap has ended ({})", ended?);
                }
                let shown = ip(&format!("-o -n {name} link show"))?;
                Ok(shown.lines().any(|line| line.contains(Link::Tap.interface()) && line.contains("LOWER_UP")))
            })?;
        }
        Ok(())
    }

    fn start(&mut self, command: &mut Command) -> Result<()> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        self.running.push(command.spawn().context("cannot run sprig-tap")?);
        Ok(())
    }

    fn host_command(&self, end: End, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.names[end.number()]]).arg(program);
        command
    }

    /// One of set-up's programs, to be run at an end.
    pub(super) fn command(&self, end: End, program: &str) -> Command {
        let inside = self.programs.command(program);
        let mut command = self.host_command(end, Path::new(inside.get_program()));
        command.args(inside.get_args());
        command
    }

    /// Switches both ends of a link.
    pub(super) fn set_offload(&self, link: Link, offload: Offload) -> Result<()> {
        let state = match offload {
            Offload::On => "on",
            Offload::Off => "off",
        };
        for end in End::BOTH {
            let mut command = self.command(end, "usr/sbin/ethtool");
            command.args(["-K", link.interface()]);
            command.args(["tx", "sg", "tso", "gso", "gro"].iter().flat_map(|feature| [*feature, state]));
            process::output(&mut command, process::QUICK)?;
        }
        Ok(())
    }

    /// Seconds that the bridges have computed.
    pub(super) fn bridges_seconds(&self) -> Result<f64> {
        self.running.iter().skip(1).map(seconds_of).sum()
    }
}

/// Seconds that a process has computed (proc(5), fields 14 and 15 of `/proc/PID/stat`).
fn seconds_of(child: &Child) -> Result<f64> {
    let path = format!("/proc/{}/stat", child.id());
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: Vec<f64> = fields.skip(11).take(2).map_while(|field| field.parse().ok()).collect();
    match ticks[..] {
        [user, system] => Ok((user + system) / TICKS_PER_SECOND),
        _ => bail!("{path} is not as proc(5) has it"),
    }
}

/// `ip` of this host, which set-up has seen to.
fn ip(arguments: &str) -> Result<String> {
    process::output(Command::new("ip").args(arguments.split_whitespace()), process::QUICK)
}

fn wait_until(what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let began = Instant::now();
    while !done()? {
        if began.elapsed() > CARRIER_LIMIT {
            bail!("waited {} s for {what}", CARRIER_LIMIT.as_secs());
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

impl Drop for Namespaces<'_> {
    fn drop(&mut self) {
        for child in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
        for name in &self.names {
            let _ = ip(&format!("netns delete {name}"));
        }
    }
}
