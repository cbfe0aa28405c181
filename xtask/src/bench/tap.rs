//! `cargo xtask bench tap`: two network namespaces of this host, joined by `sprig-tap` and by veth, and iperf3 over both.
//!
//! veth hands a packet from one namespace to the other within one kernel and copies nothing, so no bridge in user space can
//! be faster.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bench::host::{self, HostWatch};
use bench::iperf::{DATAGRAM_BYTES, Protocol, Report};
use bench::model::{Bench, Case, Setting};
use bench::probe::{Counter, Sample, probe};
use bench::rounds::{Group, Rounds};
use bench::wait::wait_until;
use clap::Args;
use netns::{Killed, Namespace, ip};

use super::publish;
use crate::build::CARGO_LIMIT;
use crate::places::Places;
use crate::process;
use crate::progress;
use crate::setup::{self, Item, programs};
use crate::unpacked::Unpacked;

/// iperf3 among set-up's programs.
const IPERF3: &str = "usr/bin/iperf3";
const CARRIER_LIMIT: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(50);
const SENDER: usize = 0;
const RECEIVER: usize = 1;

const GRACE: Duration = Duration::from_secs(30);
const MTU: u32 = 1500;

#[derive(Args)]
pub(crate) struct Options {
    /// How often both are measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// Seconds of each run
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Where the figures are written [default: bench/tap.json in cargo's target folder]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(super) fn run(places: &Places, options: &Options) -> Result<()> {
    if process::effective_user()? != 0 {
        bail!("network namespaces take root: run this as root");
    }
    setup::ensure(places, &[Item::TestTools, Item::Initrd])?;
    progress::headline("build", "sprig-tap");
    let mut build = places.cargo(&["build", "--release", "-p", "hosted", "--bin", "sprig-tap"]);
    process::shown_run(&mut build, CARGO_LIMIT)?;
    let programs = programs::on_this_host(places)?;
    let version = process::output(programs.command(IPERF3).arg("--version"), process::QUICK)?;
    let watch = HostWatch::begin()?;
    let mut namespaces = Namespaces::new(&places.target.join("release/sprig-tap"), programs)?;
    let (stop, mut remarks) = (AtomicBool::new(false), Vec::new());
    let rounds = Rounds { count: options.pairs, failures: 1, stop: &stop, progress: &|line| println!("{line}") };
    let measurements = rounds.run(groups(options.seconds), &mut namespaces, &mut remarks);
    // Its processes count as ours only when they have ended.
    drop(namespaces);
    let host = watch.end()?;
    let conditions = [
        ("kernel", host::kernel()?),
        ("processor", host::processor()),
        ("cores", std::thread::available_parallelism()?.get().to_string()),
        ("iperf3", version.lines().next().unwrap_or_default().to_owned()),
        ("mtu", MTU.to_string()),
        ("offload off", "by ethtool -K on both interfaces of both links: tx, sg, tso, gso, gro".to_owned()),
        ("sharing", "two iperf3 processes, and over sprig-tap two bridges, share the cores; none is pinned".to_owned()),
    ];
    let title = format!("two network namespaces, {} interleaved pairs of {} s", options.pairs, options.seconds);
    let mut bench = Bench::new(Setting::Tap, title, conditions, measurements, remarks);
    bench.record(host);
    publish(places, options.json.as_deref(), "tap.json", &bench)
}

fn groups(seconds: u32) -> Vec<Group<Namespaces>> {
    let cases = [(Protocol::Tcp, "on"), (Protocol::Tcp, "off"), (Protocol::Udp, "on")];
    let group = |(protocol, offload): (Protocol, &'static str)| {
        let over = |link: Link| {
            let case = Case::new(&protocol.to_string(), link.name, "bit/s");
            let case = case.with("offload", offload).with("direction", "one-way").with("mtu_bytes", MTU);
            let is_udp = protocol == Protocol::Udp;
            let case = if is_udp { case.with("payload_bytes", DATAGRAM_BYTES) } else { case };
            probe(case, move |namespaces: &mut Namespaces| {
                namespaces.set_offload(link, offload)?;
                throughput(namespaces, link, protocol, seconds)
            })
        };
        [TAP, VETH].into_iter().map(over).collect()
    };
    cases.into_iter().map(group).collect()
}

/// The first second, in which TCP finds its pace, is left out.
fn throughput(namespaces: &Namespaces, link: Link, protocol: Protocol, seconds: u32) -> Result<Sample> {
    let _server = namespaces.serve(link)?;
    let mut client = namespaces.client(link);
    client.args(["--time", &seconds.to_string(), "--omit", "1"]);
    client.args(protocol.arguments().split_whitespace());
    let (start, before) = (Instant::now(), namespaces.bridges_seconds()?);
    let text = process::output(&mut client, Duration::from_secs(seconds.into()) + GRACE)?;
    let share = (namespaces.bridges_seconds()? - before) / start.elapsed().as_secs_f64();
    let report: Report = serde_json::from_str(&text).context("iperf3 printed no JSON")?;
    let sample = report.one_way(protocol);
    let sample = sample.with_context(|| format!("iperf3 reports no figures: {:?}", report.error))?;
    Ok(sample.count("cpu_share_bridges", Counter::mean(share)))
}

/// What joins the namespaces.
#[derive(Clone, Copy, Debug)]
struct Link {
    /// As figures name it.
    name: &'static str,
    /// It has the same name at both ends.
    interface: &'static str,
    number: u8,
}

const TAP: Link = Link { name: "sprig-tap", interface: "vni0", number: 0 };
const VETH: Link = Link { name: "veth", interface: "veth0", number: 1 };

impl Link {
    fn address(self, end: usize) -> String {
        format!("10.84.{}.{}", self.number, end + 1)
    }
}

/// Two namespaces, joined by both links.
struct Namespaces {
    // Dropped in this order: the hub and the bridge of each end run in the namespaces.
    running: Vec<Killed>,
    ends: [Namespace; 2],
    programs: Unpacked,
    _folder: tempfile::TempDir,
}

impl Namespaces {
    /// Makes them; `bridge` is the program `sprig-tap`.
    fn new(bridge: &Path, programs: Unpacked) -> Result<Namespaces> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let socket = folder.path().join("hub");
        let namespace = |end| Namespace::new(format!("sprig-bench-{}-{end}", std::process::id()));
        let ends = [namespace(SENDER)?, namespace(RECEIVER)?];
        let ([a, b], veth) = (ends.each_ref().map(Namespace::name), VETH.interface);
        ip(&format!("link add {veth} netns {a} type veth peer name {veth} netns {b}"))?;
        let mut made = Namespaces { running: Vec::new(), ends, programs, _folder: folder };
        made.start(Command::new(bridge).arg("create").arg("--socket").arg(&socket))?;
        wait_until("the hub to serve", CARRIER_LIMIT, STEP, || Ok(socket.exists()))?;
        for end in [SENDER, RECEIVER] {
            let mut command = made.ends[end].command(bridge);
            made.start(command.arg("join").arg("--socket").arg(&socket).args(["--index", &end.to_string()]))?;
        }
        made.address(VETH)?;
        made.await_carriers()?;
        made.address(TAP)?;
        Ok(made)
    }

    fn address(&self, link: Link) -> Result<()> {
        let interface = link.interface;
        for (end, namespace) in self.ends.iter().enumerate() {
            namespace.ip(&format!("address add {}/24 dev {interface}", link.address(end)))?;
            namespace.ip(&format!("link set {interface} up"))?;
        }
        Ok(())
    }

    fn await_carriers(&mut self) -> Result<()> {
        let interface = TAP.interface;
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
    fn serve(&self, link: Link) -> Result<Killed> {
        let mut command = self.command(RECEIVER, IPERF3);
        command.args(["--server", "--one-off", "--forceflush", "--bind", &link.address(RECEIVER)]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot run iperf3")?;
        let mut server = Killed(child);
        let out = server.0.stdout.take().context("the server has no output")?;
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        let listens = lines.any(|line| line.starts_with("Server listening"));
        listens.then_some(server).context("iperf3's server has ended before it listened")
    }

    fn client(&self, link: Link) -> Command {
        let mut command = self.command(SENDER, IPERF3);
        command.args(["--json", "--client", &link.address(RECEIVER)]);
        command
    }

    /// Whether segments and checksums are left to the receiver of a packet: `on` or `off`.
    fn set_offload(&self, link: Link, state: &str) -> Result<()> {
        for end in [SENDER, RECEIVER] {
            let mut command = self.command(end, "usr/sbin/ethtool");
            command.args(["-K", link.interface]);
            command.args(["tx", "sg", "tso", "gso", "gro"].iter().flat_map(|feature| [*feature, state]));
            process::output(&mut command, process::QUICK)?;
        }
        Ok(())
    }

    /// The processor time of the bridges so far, in seconds.
    fn bridges_seconds(&self) -> Result<f64> {
        self.running.iter().skip(1).map(|bridge| host::process_seconds(bridge.0.id())).sum()
    }
}
