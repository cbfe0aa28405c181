//! How often something took how long.

use std::collections::BTreeMap;
use std::time::Duration;

/// How many classes there are from one power of two to the next: each is a fifth longer than the one before.
const CLASSES_PER_DOUBLING: f64 = 4.0;

/// Times, counted in classes.
#[derive(Default)]
pub(crate) struct Distribution(BTreeMap<i32, u64>);

impl Distribution {
    pub(crate) fn add(&mut self, time: Duration) {
        let nanos = (time.as_nanos() as f64).max(1.0);
        *self.0.entry((nanos.log2() * CLASSES_PER_DOUBLING).ceil() as i32).or_default() += 1;
    }

    /// Each class that is not empty: the nanoseconds that its times do not exceed, and how many there were.
    pub(crate) fn told(&self) -> Vec<(f64, u64)> {
        self.0
            .iter()
            .map(|(class, count)| ((f64::from(*class) / CLASSES_PER_DOUBLING).exp2().round(), *count))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_class_are_counted_together_and_do_not_exceed_it() {
        let mut distribution = Distribution::default();
        for nanos in [1000, 1020, 1024, 1025, 4096, 0] {
            distribution.add(Duration::from_nanos(nanos));
        }
        assert_eq!(distribution.told(), [(1.0, 1), (1024.0, 3), (1218.0, 1), (4096.0, 1)]);
    }
}
