//! One way to measure: what a bench runs in rounds.

use std::collections::BTreeMap;

use bench_agent::Distribution;

use crate::model::Case;

/// Measures one case. iperf3, the frame generator, disks, cards and every contender of the native bench implement this;
/// only the assembly of a run knows them all.
///
/// `T` is the testbed that all probes of a run share.
pub trait Probe<T: ?Sized = ()> {
    /// What it measures: subject, parameters and unit.
    fn case(&self) -> &Case;

    /// Measures once.
    ///
    /// # Errors
    /// Why there is no sample, in one line.
    fn sample(&mut self, testbed: &mut T) -> anyhow::Result<Sample>;

    /// Ends what may still run after a failed sample, so that the next probe finds everything idle.
    ///
    /// # Errors
    /// What does not respond any more.
    fn recover(&mut self) -> anyhow::Result<()> {
        Ok(())
    }
}

/// The probe of a case that a function measures.
pub fn probe<T>(case: Case, sample: impl FnMut(&mut T) -> anyhow::Result<Sample> + 'static) -> Box<dyn Probe<T>> {
    Box::new((case, sample))
}

impl<T, F: FnMut(&mut T) -> anyhow::Result<Sample>> Probe<T> for (Case, F) {
    fn case(&self) -> &Case {
        &self.0
    }

    fn sample(&mut self, testbed: &mut T) -> anyhow::Result<Sample> {
        (self.1)(testbed)
    }
}

/// One sample, and what was counted meanwhile.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Sample {
    /// In the unit of the case.
    pub value: f64,
    /// By name.
    pub counters: BTreeMap<&'static str, Counter>,
    /// Of round trips.
    pub distribution: Distribution,
}

/// Something that is counted besides the value, and how the counts of several samples become one figure.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Counter {
    /// All together.
    Sum(f64),
    /// The largest.
    Max(f64),
    /// The sum of the first by the sum of the second.
    Ratio(f64, f64),
    /// The same, at most 1.
    Share(f64, f64),
}

impl Sample {
    /// A sample of which only the value is known.
    pub fn of(value: f64) -> Sample {
        Sample { value, ..Sample::default() }
    }

    /// With a counter.
    #[must_use]
    pub fn count(mut self, name: &'static str, counter: Counter) -> Sample {
        self.counters.insert(name, counter);
        self
    }
}

impl Counter {
    /// A figure of which several samples have the mean.
    pub fn mean(value: f64) -> Counter {
        Counter::Ratio(value, 1.0)
    }

    /// Both together.
    #[must_use]
    pub fn merge(self, other: Counter) -> Counter {
        match (self, other) {
            (Counter::Sum(a), Counter::Sum(b)) => Counter::Sum(a + b),
            (Counter::Max(a), Counter::Max(b)) => Counter::Max(a.max(b)),
            (Counter::Ratio(a, of_a), Counter::Ratio(b, of_b)) => Counter::Ratio(a + b, of_a + of_b),
            (Counter::Share(a, of_a), Counter::Share(b, of_b)) => Counter::Share(a + b, of_a + of_b),
            (_, other) => other,
        }
    }

    /// The figure.
    pub fn value(self) -> f64 {
        match self {
            Counter::Sum(value) | Counter::Max(value) => value,
            Counter::Ratio(part, whole) => part / whole.max(1.0),
            Counter::Share(part, whole) => (part / whole.max(1.0)).min(1.0),
        }
    }
}
