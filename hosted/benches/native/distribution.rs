//! How many round trips took how long.

use std::time::Duration;

/// Steps of a bucket's bound to the next, for each doubling.
const PER_DOUBLING: f64 = 4.0;

/// Counts in buckets whose bounds grow by a fixed ratio.
#[derive(Clone, Default, Debug)]
pub(crate) struct Distribution(Vec<u64>);

impl Distribution {
    /// Counts one.
    pub(crate) fn count(&mut self, took: Duration) {
        let nanos = (took.as_nanos() as f64).max(1.0);
        let bucket = (nanos.log2() * PER_DOUBLING).ceil() as usize;
        if self.0.len() <= bucket {
            self.0.resize(bucket + 1, 0);
        }
        self.0[bucket] += 1;
    }

    /// Adds another's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    /// Upper bounds in nanoseconds and counts, of the buckets that hold something.
    pub(crate) fn buckets(&self) -> Vec<(f64, u64)> {
        let bound = |bucket: usize| (bucket as f64 / PER_DOUBLING).exp2();
        self.0.iter().enumerate().filter(|(_, count)| **count > 0).map(|(at, count)| (bound(at), *count)).collect()
    }
}
