//! What `bench-agent` prints and the host reads: one line of JSON for each run. And both ends of its [TCP streams](stream).

pub mod stream;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The buckets from one power of two to the next: each bound is a fifth above the one before.
const BUCKETS_PER_DOUBLING: f64 = 4.0;

/// How an end of a round trip waits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Wait {
    /// In the kernel, until an interrupt wakes it.
    Sleeping,
    /// By looking again and again.
    Polling,
}

/// In which order a disk is read.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// One block after the other.
    Sequential,
    /// Anywhere.
    Random,
}

/// What the receiver of frames prints.
#[derive(Serialize, Deserialize, Default, Debug)]
pub struct Received {
    /// Frames that arrived as they were sent.
    pub frames: u32,
    /// Their bytes.
    pub bytes: u64,
    /// From the first of them to the last.
    pub seconds: f64,
    /// Frames that did not arrive as they were sent.
    pub corrupt: u32,
    /// Frames that did not arrive.
    pub lost: u32,
}

/// What the requesting end of round trips prints. Times are in nanoseconds.
#[derive(Serialize, Deserialize, Debug)]
pub struct RoundTrips {
    /// Half of them took no longer.
    pub median: f64,
    /// 99 % of them took no longer.
    pub percentile_99: f64,
    /// How many took how long.
    pub distribution: Distribution,
}

/// What a disk or a TCP stream moved.
#[derive(Serialize, Deserialize, Debug)]
pub struct Transfer {
    /// All bytes.
    pub bytes: u64,
    /// From the first byte to the last.
    pub seconds: f64,
}

/// Counts of times as (upper bound in nanoseconds, count), ascending, without empty buckets.
#[derive(Clone, PartialEq, Serialize, Deserialize, Default, Debug)]
#[serde(transparent)]
pub struct Distribution(pub Vec<(f64, u64)>);

impl Transfer {
    /// Bytes per second.
    pub fn rate(&self) -> f64 {
        self.bytes as f64 / self.seconds.max(f64::MIN_POSITIVE)
    }
}

impl Distribution {
    /// Whether it counts nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what another one counts.
    pub fn add(&mut self, other: &Self) {
        for (bound, count) in &other.0 {
            match self.0.binary_search_by(|(known, _)| known.total_cmp(bound)) {
                Ok(at) => self.0[at].1 += count,
                Err(at) => self.0.insert(at, (*bound, *count)),
            }
        }
    }
}

impl FromIterator<Duration> for Distribution {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        let mut buckets = BTreeMap::new();
        for time in times {
            let nanos = (time.as_nanos() as f64).max(1.0);
            *buckets.entry((nanos.log2() * BUCKETS_PER_DOUBLING).ceil() as i32).or_default() += 1;
        }
        let bound = |bucket: i32| (f64::from(bucket) / BUCKETS_PER_DOUBLING).exp2().round();
        Self(buckets.into_iter().map(|(bucket, count)| (bound(bucket), count)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_exceeds_the_bound_of_its_bucket() {
        let times = [1000, 1020, 1024, 1025, 4096, 0].map(Duration::from_nanos);
        assert_eq!(Distribution::from_iter(times).0, [(1.0, 1), (1024.0, 3), (1218.0, 1), (4096.0, 1)]);
    }

    #[test]
    fn distributions_add_up() {
        let mut sum = Distribution(vec![(10.0, 1), (20.0, 2)]);
        sum.add(&Distribution(vec![(5.0, 4), (20.0, 3)]));
        assert_eq!(sum.0, [(5.0, 4), (10.0, 1), (20.0, 5)]);
    }
}
