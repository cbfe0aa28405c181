//! `cargo xtask bench tap`: two network namespaces of this host, joined by `sprig-tap` and by veth, and iperf3 over both.
//!
//! veth hands a packet from one namespace to the other within one kernel and copies nothing, so no bridge in user space can
//! be faster.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bench::host::{self, HostWatch};
use bench::iperf::{DATAGRAM_BYTES, Protocol, Report};
use bench::model::{Bench, Case, Setting};
use bench::probe::{Counter, Sample, probe};
use bench::rounds::{Group, Rounds};
use clap::Args;

use super::namespaces::{IPERF3, Link, Namespaces};
use super::publish;
use crate::build::CARGO_LIMIT;
use crate::places::Places;
use crate::process;
use crate::progress;
use crate::setup::{self, Item, programs};

const GRACE: Duration = Duration::from_secs(30);
const MTU: u32 = 1500;

#[derive(Args)]
pub(super) struct Options {
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
    let mut bench = Bench::new(Setting::Tap, title, conditions, remarks);
    bench.measurements = measurements;
    bench.record(host);
    publish(places, options.json.as_deref(), "tap.json", &bench)
}

fn groups(seconds: u32) -> Vec<Group<Namespaces>> {
    let cases = [(Protocol::Tcp, "on"), (Protocol::Tcp, "off"), (Protocol::Udp, "on")];
    let group = |(protocol, offload): (Protocol, &'static str)| {
        let over = |link: Link| {
            let case = Case::new(&protocol.to_string(), link.name(), "bit/s");
            let case = case.with("offload", offload).with("direction", "one-way").with("mtu_bytes", MTU);
            let is_udp = protocol == Protocol::Udp;
            let case = if is_udp { case.with("payload_bytes", DATAGRAM_BYTES) } else { case };
            probe(case, move |namespaces: &mut Namespaces| {
                namespaces.set_offload(link, offload)?;
                throughput(namespaces, link, protocol, seconds)
            })
        };
        [Link::Tap, Link::Veth].into_iter().map(over).collect()
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
