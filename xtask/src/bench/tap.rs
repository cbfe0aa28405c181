//! `cargo xtask bench tap`: two network namespaces of this host, joined by `sprig-tap` and by veth, and iperf3 over both.
//!
//! Each question is asked of both in turn, and which goes first alternates: what slows the host for a while slows both.
//! veth hands a packet from one namespace to the other within one kernel and copies nothing, so it is the limit of what a
//! bridge in user space could reach.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use cli::bench::model::{Bench, Measurement, Parameter, SCHEMA, Setting};

use super::iperf::{Flow, Iperf, Protocol};
use super::namespaces::{Link, Namespaces, Offload};
use super::sample::Sample;
use crate::build::CARGO_LIMIT;
use crate::places::Places;
use crate::process;
use crate::progress::{self, Step};
use crate::setup::{self, Item, programs};
use cli::bench::host::Watched;

#[derive(Args)]
pub(super) struct Options {
    /// How often each question is asked of both
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// Seconds of each run
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Where the figures are written [default: bench/tap.json in cargo's target folder]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Question {
    protocol: Protocol,
    offload: Offload,
}

const QUESTIONS: [Question; 3] = [
    Question { protocol: Protocol::Tcp, offload: Offload::On },
    Question { protocol: Protocol::Tcp, offload: Offload::Off },
    Question { protocol: Protocol::Udp, offload: Offload::On },
];

/// Bytes of a packet, and of what a UDP datagram of that size carries.
const MTU: u32 = 1500;

/// One question, asked of one link again and again.
struct Answers {
    question: Question,
    link: Link,
    flows: Vec<Flow>,
}

/// Measures, prints and writes.
pub(super) fn run(places: &Places, options: &Options) -> Result<()> {
    if process::effective_user()? != 0 {
        bail!("network namespaces take root: run this as root");
    }
    setup::ensure(places, &[Item::TestTools, Item::Initrd])?;
    progress::headline("build", "sprig-tap");
    let mut build = places.cargo(&["build", "--release", "-p", "hosted", "--bin", "sprig-tap"]);
    process::shown_run(&mut build, CARGO_LIMIT)?;
    let programs = programs::on_this_host(places)?;
    let iperf = Iperf::new(&programs, options.seconds);
    let watched = Watched::begin()?;
    let namespaces = Namespaces::new(&places.target.join("release/sprig-tap"), &programs)?;
    let outcome = ask_all(&namespaces, &iperf, options.pairs);
    // Ended before the host is looked at again: the time of its processes is ours only then.
    drop(namespaces);
    let host = watched.end()?;
    let answers = outcome?;
    print(&answers);
    println!("  medians with ranges; host: {host}");
    let mut bench = bench(&answers, options, &iperf)?;
    bench.conditions.insert("host".to_owned(), host.to_string().replace("\n  ", "; "));
    if host.is_disturbed() {
        bench.remarks.push("others were at work on this host: do not trust these figures".to_owned());
    }
    let path = options.json.clone().unwrap_or_else(|| places.target.join("bench/tap.json"));
    super::write(&path, &serde_json::to_value(&bench)?)
}

fn ask_all(namespaces: &Namespaces, iperf: &Iperf, pairs: u32) -> Result<Vec<Answers>> {
    let answers = QUESTIONS.iter().flat_map(|question| {
        [Link::Tap, Link::Veth].map(|link| Answers { question: *question, link, flows: Vec::new() })
    });
    let mut answers: Vec<Answers> = answers.collect();
    for pair in 1..=pairs {
        for two in answers.chunks_mut(2) {
            let step = Step::start(&format!("pair {pair}/{pairs}"), two[0].question.name());
            if pair % 2 == 0 {
                ask(two.iter_mut().rev(), namespaces, iperf)
            } else {
                ask(two.iter_mut(), namespaces, iperf)
            }?;
            let told =
                two.iter().filter_map(|one| Some(format!("{} {:.2}", one.link.name(), one.flows.last()?.gbit())));
            step.done(&format!("{}: {} Gbit/s", two[0].question.name(), told.collect::<Vec<_>>().join(", ")));
        }
    }
    Ok(answers)
}

fn ask<'a>(of: impl Iterator<Item = &'a mut Answers>, namespaces: &Namespaces, iperf: &Iperf) -> Result<()> {
    for one in of {
        namespaces.set_offload(one.link, one.question.offload)?;
        let flow = iperf.run(namespaces, one.link, one.question.protocol);
        one.flows.push(flow.with_context(|| format!("{} over {}", one.question.name(), one.link.name()))?);
    }
    Ok(())
}

impl Question {
    fn name(self) -> &'static str {
        match (self.protocol, self.offload) {
            (Protocol::Tcp, Offload::On) => "TCP",
            (Protocol::Tcp, Offload::Off) => "TCP without offload",
            (Protocol::Udp, _) => "UDP",
        }
    }
}

fn print(answers: &[Answers]) {
    println!("\n  {:<20} {:>24} {:>24} {:>18}", "Gbit/s", "sprig-tap", "veth", "ratio");
    for two in answers.chunks(2) {
        let [tap, veth] = two else { continue };
        let rates = |of: &Answers| Sample::of(of.flows.iter().map(|flow| flow.gbit()));
        let ratio = Sample::of(tap.flows.iter().zip(&veth.flows).map(|(tap, veth)| tap.gbit() / veth.gbit()));
        let (Some(tap), Some(veth), Some(ratio)) = (rates(tap), rates(veth), ratio) else { continue };
        let [tap, veth, ratio] = [tap, veth, ratio].map(|sample| sample.to_string());
        println!("  {:<20} {tap:>24} {veth:>24} {ratio:>18}", two[0].question.name());
    }
    println!();
}

fn bench(answers: &[Answers], options: &Options, iperf: &Iperf) -> Result<Bench> {
    let Options { pairs, seconds, .. } = options;
    let conditions = [
        ("kernel", fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned()),
        ("processor", processor()?),
        ("cores", std::thread::available_parallelism()?.get().to_string()),
        ("iperf3", iperf.version()?),
        ("mtu", MTU.to_string()),
        ("offload off", "by ethtool -K on both interfaces of both links: tx, sg, tso, gso, gro".to_owned()),
        ("sharing", "two iperf3 processes, and over sprig-tap two bridges, share the cores; none is pinned".to_owned()),
    ];
    Ok(Bench {
        schema: SCHEMA,
        setting: Setting::Tap,
        title: format!("two network namespaces, {pairs} interleaved pairs of {seconds} s"),
        conditions: conditions.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        measurements: answers.iter().map(measurement).collect(),
        targets: Vec::new(),
        remarks: Vec::new(),
    })
}

fn measurement(answers: &Answers) -> Measurement {
    let Answers { question, link, flows } = answers;
    let offload = match question.offload {
        Offload::On => "on",
        Offload::Off => "off",
    };
    let mut parameters = BTreeMap::from([
        ("offload".to_owned(), Parameter::Word(offload.to_owned())),
        ("direction".to_owned(), Parameter::Word("one-way".to_owned())),
        ("mtu_bytes".to_owned(), Parameter::Number(MTU.into())),
    ]);
    if question.protocol == Protocol::Udp {
        parameters.insert("payload_bytes".to_owned(), Parameter::Number(super::iperf::UDP_PAYLOAD.into()));
    }
    let mean = |of: fn(&Flow) -> f64| flows.iter().map(of).sum::<f64>() / flows.len() as f64;
    let mut beside = BTreeMap::from([
        ("cpu_share_sender".to_owned(), mean(|flow| flow.sender_share)),
        ("cpu_share_receiver".to_owned(), mean(|flow| flow.receiver_share)),
        ("cpu_share_bridges".to_owned(), mean(|flow| flow.bridges_share)),
    ]);
    let lost = match question.protocol {
        Protocol::Tcp => "retransmits",
        Protocol::Udp => "lost_share",
    };
    beside.insert(lost.to_owned(), mean(|flow| flow.lost));
    Measurement {
        what: question.protocol.name().to_owned(),
        subject: link.name().to_owned(),
        pair: None,
        parameters,
        unit: "bit/s".to_owned(),
        samples: flows.iter().map(|flow| flow.bits_per_second).collect(),
        discarded: 0,
        beside,
        distribution: Vec::new(),
    }
}

fn processor() -> Result<String> {
    let text = fs::read_to_string("/proc/cpuinfo").context("cannot read /proc/cpuinfo")?;
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    Ok(model.map_or_else(|| "unknown".to_owned(), |(_, model)| model.to_owned()))
}
