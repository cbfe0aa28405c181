//! The contenders of each part, in their order, with their sizes.

use std::path::Path;
use std::time::Duration;

use bench::probe::Probe;
use clap::ValueEnum;

use crate::control::Lines;
use crate::copying::{Copying, Routine};
use crate::dpdk::{self, Connection, Pair};
use crate::flow::{Copies, Flow};
use crate::index::{Queue, Use};
use crate::integrity::numbered;
use crate::peer::{Peer, Waits};
use crate::trips::{Bounces, Echoes};

/// Bytes of a pool, unless it is the parameter. A lane that is alone uses all of a pool up to this in turn.
const POOL: u64 = 2 << 20;
const ORDINARY: usize = 1500;
const SHORT: usize = 64;

type Probes = Vec<Box<dyn Probe<Peer>>>;

/// A part of the bench: its contenders are compared in the same rounds.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum Part {
    /// How long until the other process has it
    HandOff,
    /// Descriptors alone
    Index,
    /// Frames one way, by size and burst
    Frames,
    /// Frames of 1,500 bytes, by footprint
    Footprint,
    /// Frames one way beside partitions that are absent
    Idle,
    /// A receiver that sleeps and is woken
    Sleeping,
    /// Whether every frame arrives as it was sent
    Integrity,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effort {
    Smoke,
    Quick,
    Full,
}

impl Effort {
    fn duration(self) -> Duration {
        Duration::from_millis(if self == Self::Smoke { 2 } else { 100 })
    }

    /// The first of a list, the first few, or all.
    fn of<T: Copy>(self, quick: &[T], full: &[T]) -> Vec<T> {
        match self {
            Self::Smoke => quick[..1].to_vec(),
            Self::Quick => quick.to_vec(),
            Self::Full => full.to_vec(),
        }
    }
}

/// The parts to measure. A test takes all.
pub(crate) fn parts(only: &[Part], effort: Effort) -> Vec<Part> {
    let all = Part::value_variants().iter().copied();
    match (only, effort) {
        ([], Effort::Smoke) => all.collect(),
        ([], _) => all.filter(|part| *part != Part::Integrity).collect(),
        (only, _) => only.to_vec(),
    }
}

pub(crate) fn probes(part: Part, effort: Effort, frames: u64, dpdk: Option<&Path>) -> Probes {
    let is_smoke = effort == Effort::Smoke;
    match part {
        Part::HandOff => hand_off(if is_smoke { 100 } else { 100_000 }),
        Part::Index => index(effort),
        Part::Frames => {
            let dpdk = dpdk.into_iter().flat_map(|tree| by_dpdk(tree, effort));
            frames_one_way(effort).into_iter().chain(dpdk).collect()
        }
        Part::Footprint => footprint(effort),
        Part::Idle => idle(effort),
        Part::Sleeping => sleeping(effort),
        Part::Integrity => vec![numbered(if is_smoke { 10_000 } else { frames })],
    }
}

fn hand_off(count: u64) -> Probes {
    let lines = [Lines::One, Lines::OneWriterEach].map(Bounces::probe);
    let frame = Echoes { frame: SHORT, count, waits: Waits::Polling }.probe();
    let queues = Queue::ALL.map(|queue| queue.probe(Use::Trips { count }));
    lines.into_iter().chain([frame]).chain(queues).collect()
}

fn index(effort: Effort) -> Probes {
    let duration = effort.duration();
    let bursts = effort.of(&[32, 1], &[1, 8, 32, 128]);
    bursts.into_iter().flat_map(|burst| Queue::ALL.map(|queue| queue.probe(Use::Flow { burst, duration }))).collect()
}

fn flow(frame: usize, burst: usize, effort: Effort) -> Flow {
    Flow {
        copies: Copies::Both,
        frame,
        burst,
        pool: POOL,
        partitions: None,
        waits: Waits::Polling,
        duration: effort.duration(),
    }
}

fn limits(frame: usize, footprint: u64, effort: Effort) -> [Box<dyn Probe<Peer>>; 2] {
    let duration = effort.duration();
    [Routine::Memcpy, Routine::RepMovsb].map(|routine| Copying { frame, footprint, routine, duration }.probe())
}

fn frames_one_way(effort: Effort) -> Probes {
    let sizes = effort.of(&[SHORT, ORDINARY], &[64, 128, 256, 512, 1024, 1500, 2048, 4096, 9000, 16384, 32768, 65536]);
    let bursts = effort.of(&[32, 128], &[1, 8, 32, 128]);
    let mut all = Vec::new();
    for frame in sizes {
        for copies in [Copies::Both, Copies::Sender, Copies::Receiver] {
            all.extend(bursts.iter().map(|burst| Flow { copies, ..flow(frame, *burst, effort) }.probe()));
        }
        all.extend(limits(frame, POOL, effort));
    }
    all
}

/// DPDK's frames, as long as its buffers. Of the settings that were tried these were the fastest.
fn by_dpdk(tree: &Path, effort: Effort) -> Probes {
    let [short, long] = [10, 8].map(|ring_log2| Pair::new(tree, Connection::Memif { ring_log2 }));
    let vhost_user = Pair::new(tree, Connection::VhostUser);
    let sizes = effort.of(&[SHORT, ORDINARY], &[64, 128, 256, 512, 1024, 1500]);
    let bursts = effort.of(&[32, 64, 128], &[8, 32, 64, 128]);
    let mut all = Vec::new();
    for frame in sizes {
        for pair in [if frame < 1024 { &short } else { &long }, &vhost_user] {
            all.extend(bursts.iter().map(|burst| dpdk::contender(pair, frame, *burst, effort.duration())));
        }
    }
    all
}

/// Every footprint that a lane can have, which is all of a pool up to [`POOL`]; beyond it the limits alone.
fn footprint(effort: Effort) -> Probes {
    let footprints = effort.of(
        &[256 << 10, 1 << 20, 2 << 20, 64 << 20],
        &[256 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20, 16 << 20, 64 << 20],
    );
    let mut all = Vec::new();
    for footprint in footprints {
        if footprint <= POOL {
            all.push(Flow { pool: footprint, ..flow(ORDINARY, 32, effort) }.probe());
        }
        all.extend(limits(ORDINARY, footprint, effort));
    }
    all
}

/// A receiver that looks into the lanes of all after each burst. Each lane has as many buffers to use in turn as one that is
/// alone.
fn idle(effort: Effort) -> Probes {
    let flow = |partitions: usize, waits| {
        let pool = if partitions == 2 { POOL } else { 2 * POOL * (partitions as u64 - 1) };
        Flow { partitions: Some(partitions), pool, waits, ..flow(SHORT, 32, effort) }.probe()
    };
    let all = effort.of(&[2, 16], &[2, 4, 8, 16, 32]);
    all.into_iter()
        .flat_map(|partitions| [Waits::Polling, Waits::Sleeping { after_us: 0 }].map(|waits| flow(partitions, waits)))
        .collect()
}

fn sleeping(effort: Effort) -> Probes {
    let count = if effort == Effort::Smoke { 20 } else { 2000 };
    let mut all = vec![Echoes { frame: SHORT, count, waits: Waits::Sleeping { after_us: 0 } }.probe()];
    for frame in effort.of(&[SHORT], &[SHORT, ORDINARY]) {
        let flow = flow(frame, 32, effort);
        all.extend([0, 50].map(|after_us| Flow { waits: Waits::Sleeping { after_us }, ..flow }.probe()));
    }
    all
}
