//! What is to be measured, of whom, and how often.

use std::time::Duration;

/// A kind of question.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, clap::ValueEnum)]
pub enum What {
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

/// Who is asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, clap::ValueEnum)]
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

/// A whole wish.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wish {
    /// The ordered pair by its names; every pair if it is none.
    pub pair: Option<(String, String)>,
    /// Which kinds.
    pub what: Vec<What>,
    /// Of whom.
    pub subjects: Vec<Subject>,
    /// How many samples of each.
    pub rounds: u32,
    /// How long a sample takes.
    pub sample: Duration,
    /// How much is asked of each kind.
    pub extent: Extent,
}

/// How much is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// All there is.
    Full,
    /// What fits into two minutes.
    Quick,
}

impl Subject {
    /// As it is called in `bench.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vni => "vni",
            Self::Loopback => "loopback",
            Self::Veth => "veth",
            Self::VirtioNet => "virtio-net",
            Self::Partition => "partition",
            Self::Alone => "alone",
            Self::Cards => "cards",
            Self::Bridge => "bridge",
            Self::Tunnel => "tunnel",
        }
    }
}

impl What {
    /// As it is called in `bench.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Frames => "frames",
            Self::RoundTrip => "round-trip",
            Self::Disk => "disk",
            Self::Network => "network",
        }
    }
}

impl Wish {
    /// Whether anything is asked of paths between partitions, and those they are compared with.
    pub fn has_paths(&self) -> bool {
        self.what.iter().any(|what| !matches!(what, What::Disk | What::Network))
    }

    /// Whether this kind is asked of this subject.
    pub fn has(&self, what: What, subject: Subject) -> bool {
        self.what.contains(&what) && self.subjects.contains(&subject)
    }
}
