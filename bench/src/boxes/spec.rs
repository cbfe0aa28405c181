//! What is to be measured, of which subjects, and how often. Metrics and subjects have the same names on the command line
//! and in `bench.json`.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;
use strum::Display;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Display, ValueEnum)]
#[strum(serialize_all = "kebab-case")]
pub enum Metric {
    /// Throughput of TCP by iperf3, with offload and in paper mode
    Tcp,
    /// Throughput and loss of UDP by iperf3, 1,472 bytes a datagram
    Udp,
    /// Throughput of frames of 64 to 65,535 bytes, each of which is checked
    Frames,
    /// Round trips, with a receiver that sleeps and one that polls
    RoundTrip,
    /// Reads from the disks that partitions own
    Disk,
    /// A TCP stream through the network cards that partitions own, out and in
    Network,
}

/// What is compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Display, ValueEnum)]
#[strum(serialize_all = "kebab-case")]
pub enum Subject {
    /// The virtual Ethernet between two instances
    Vni,
    /// An instance's own loopback, both ends on one core
    Loopback,
    /// A pair of veth between two network namespaces of one instance
    Veth,
    /// Two separate emulated machines whose cards are joined by a socket
    VirtioNet,
    /// A partition, of its disks and network cards
    Partition,
    /// The kernel of such a partition alone on an emulated machine with the same devices
    Alone,
    /// With --other-box: the network cards of two boxes, between their owners
    Cards,
    /// Two partitions that own no card, of two boxes whose owners bridge it with the virtual Ethernet
    Bridge,
    /// The same, where the owners bridge a VXLAN tunnel between the cards
    Tunnel,
}

/// What a bench is to measure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BenchSpec {
    /// The ordered pair by its names, or every pair.
    pub pair: Option<(String, String)>,
    /// Which metrics.
    pub metrics: Vec<Metric>,
    /// Of which subjects.
    pub subjects: Vec<Subject>,
    /// How many samples of each case.
    pub rounds: u32,
    /// How long a sample takes.
    pub duration: Duration,
    /// How many cases of each metric.
    pub extent: Extent,
}

/// How many cases are measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// All.
    Full,
    /// As many as fit into two minutes.
    Quick,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Direction {
    OneWay,
    BothWays,
}

impl BenchSpec {
    /// Whether any route between endpoints is measured.
    pub fn has_routes(&self) -> bool {
        self.metrics.iter().any(|metric| !matches!(metric, Metric::Disk | Metric::Network))
    }

    /// Whether this metric is measured of this subject.
    pub fn has(&self, metric: Metric, subject: Subject) -> bool {
        self.metrics.contains(&metric) && self.subjects.contains(&subject)
    }
}
