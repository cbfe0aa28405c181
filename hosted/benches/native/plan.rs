//! What is asked, in which order, at which length.

use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;

use crate::copying::{Copying, Limited, Routine};
use crate::dpdk::{Dpdk, Joined, Pair};
use crate::floor::Lines;
use crate::flow::{self, Flow};
use crate::index::{Index, Queue, Use};
use crate::integrity::Integrity;
use crate::rounds::Contender;
use crate::station::Waits;
use crate::trips::{self, Ball, Trips};

/// Bytes of a pool where nothing else is said: what an endpoint has by default.
const POOL: u64 = hosted::window::DEFAULT_POOL_LEN;
/// The frame that is spoken of most.
const ORDINARY: usize = 1500;
const SHORT: usize = 64;

/// A part of the bench: its contenders are asked in turn.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum Part {
    /// How long until the other has it
    HandOff,
    /// Descriptors alone
    Index,
    /// Frames one way, by size and burst
    Frames,
    /// Frames of 1,500 bytes, by footprint
    Footprint,
    /// Who sleeps and is woken
    Sleeping,
    /// Whether every frame arrives as it was sent
    Integrity,
}

/// How much is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effort {
    /// Whether it would run at all.
    Smoke,
    /// What one looks at first.
    Quick,
    /// Everything.
    Whole,
}

impl Effort {
    /// How long a flow is counted.
    fn lasts(self) -> Duration {
        Duration::from_millis(if self == Self::Smoke { 2 } else { 100 })
    }

    /// Of a list the first, the first few, or all.
    fn of<T: Copy>(self, quick: &[T], whole: &[T]) -> Vec<T> {
        match self {
            Self::Smoke => quick[..1].to_vec(),
            Self::Quick => quick.to_vec(),
            Self::Whole => whole.to_vec(),
        }
    }
}

/// The parts, as wanted; a test takes all.
pub(crate) fn parts(wanted: &[Part], effort: Effort) -> Vec<Part> {
    let all = Part::value_variants().iter().copied();
    match (wanted, effort) {
        ([], Effort::Smoke) => all.collect(),
        ([], _) => all.filter(|part| *part != Part::Integrity).collect(),
        (wanted, _) => wanted.to_vec(),
    }
}

/// How often each of them is asked.
pub(crate) fn rounds(part: Part, effort: Effort, wanted: usize) -> usize {
    if part == Part::Integrity || effort == Effort::Smoke { 1 } else { wanted }
}

/// Those of a part.
pub(crate) fn contenders(part: Part, effort: Effort, frames: u64, dpdk: Option<&Path>) -> Vec<Box<dyn Contender>> {
    let smoke = effort == Effort::Smoke;
    match part {
        Part::HandOff => hand_off(if smoke { 100 } else { 100_000 }),
        Part::Index => index(effort),
        Part::Frames => {
            frames_one_way(effort).into_iter().chain(dpdk.into_iter().flat_map(|tree| by_dpdk(tree, effort))).collect()
        }
        Part::Footprint => footprint(effort),
        Part::Sleeping => sleeping(effort),
        Part::Integrity => vec![Integrity::boxed(if smoke { 10_000 } else { frames })],
    }
}

fn hand_off(count: u64) -> Vec<Box<dyn Contender>> {
    let frame = trips::Vni::boxed(Trips { frame: SHORT, count, waits: Waits::Polling });
    let queues = Queue::ALL.into_iter().map(|queue| Index::boxed(queue, Use::Trips { count }));
    let balls = [Lines::One, Lines::OneWriterEach].map(Ball::boxed);
    balls.into_iter().chain([frame]).chain(queues).collect()
}

fn index(effort: Effort) -> Vec<Box<dyn Contender>> {
    let lasts = effort.lasts();
    let bursts = effort.of(&[32, 1], &[1, 8, 32, 128]);
    let of_burst = |burst| Queue::ALL.into_iter().map(move |queue| Index::boxed(queue, Use::Flow { burst, lasts }));
    bursts.into_iter().flat_map(of_burst).collect()
}

fn flow(frame: usize, burst: usize, effort: Effort) -> Flow {
    Flow { frame, burst, pool: POOL, waits: Waits::Polling, lasts: effort.lasts() }
}

fn limit(frame: usize, footprint: u64, effort: Effort) -> impl Iterator<Item = Box<dyn Contender>> {
    let lasts = effort.lasts();
    let routines = [Routine::Memcpy, Routine::RepMovsb].into_iter();
    routines.map(move |routine| Limited::boxed(Copying { frame, footprint, routine, lasts }))
}

fn frames_one_way(effort: Effort) -> Vec<Box<dyn Contender>> {
    let sizes = effort.of(&[SHORT, ORDINARY], &[64, 128, 256, 512, 1024, 1500, 2048, 4096, 9000, 16384, 32768, 65536]);
    let bursts = effort.of(&[32, 128], &[1, 8, 32, 128]);
    let mut all = Vec::new();
    for frame in sizes {
        all.extend(bursts.iter().map(|burst| flow::Vni::boxed(flow(frame, *burst, effort))));
        all.extend(limit(frame, POOL, effort));
    }
    all
}

/// DPDK's frames, as far as its buffers reach. Of the settings that were tried these were the fastest.
fn by_dpdk(tree: &Path, effort: Effort) -> Vec<Box<dyn Contender>> {
    let [short, long] = [10, 8].map(|ring_log2| Pair::new(tree, Joined::Memif { ring_log2 }));
    let vhost_user = Pair::new(tree, Joined::VhostUser);
    let sizes = effort.of(&[SHORT, ORDINARY], &[64, 128, 256, 512, 1024, 1500]);
    let bursts = effort.of(&[32, 64, 128], &[8, 32, 64, 128]);
    let mut all = Vec::new();
    for frame in sizes {
        for pair in [if frame < 1024 { &short } else { &long }, &vhost_user] {
            all.extend(bursts.iter().map(|burst| Dpdk::boxed(pair, frame, *burst, effort.lasts())));
        }
    }
    all
}

fn footprint(effort: Effort) -> Vec<Box<dyn Contender>> {
    let footprints = effort.of(&[256 << 10, 2 << 20, 64 << 20], &[256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20]);
    let mut all = Vec::new();
    for footprint in footprints {
        all.push(flow::Vni::boxed(Flow { pool: footprint, ..flow(ORDINARY, 32, effort) }));
        all.extend(limit(ORDINARY, footprint, effort));
    }
    all
}

fn sleeping(effort: Effort) -> Vec<Box<dyn Contender>> {
    let count = if effort == Effort::Smoke { 20 } else { 2000 };
    let waits = Waits::Sleeping { after_us: 0 };
    let mut all = vec![trips::Vni::boxed(Trips { frame: SHORT, count, waits })];
    for frame in effort.of(&[SHORT], &[SHORT, ORDINARY]) {
        for after_us in [0, 50] {
            all.push(flow::Vni::boxed(Flow { waits: Waits::Sleeping { after_us }, ..flow(frame, 32, effort) }));
        }
    }
    all
}
