//! Samples every probe once in each round, and the probes of one group one after the other, so that what disturbs the host
//! for a while disturbs all alike. Each round begins with another probe of the group.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::model::Measurement;
use crate::probe::{Counter, Probe, Sample};
use crate::quantity;

/// Probes that are compared with each other.
pub type Group<T = ()> = Vec<Box<dyn Probe<T>>>;

/// How the samples are taken.
pub struct Rounds<'a> {
    /// How many samples there are of each probe.
    pub count: u32,
    /// After so many failures a probe is not sampled any more.
    pub failures: u32,
    /// True when the bench is to end.
    pub stop: &'a AtomicBool,
    /// Called with one line for each sample.
    pub progress: &'a dyn Fn(&str),
}

/// What an attempt to sample came to.
#[derive(Default)]
pub struct Attempt {
    /// The sample, unless the machine was disturbed.
    pub sample: Option<Sample>,
    /// Samples that do not count, because the machine was disturbed meanwhile.
    pub discarded: u32,
}

struct Series<T> {
    probe: Box<dyn Probe<T>>,
    measured: Measurement,
    counters: BTreeMap<&'static str, Counter>,
    failures: u32,
}

impl Rounds<'_> {
    /// Runs all rounds, and adds a remark for each failure.
    pub fn run<T>(&self, groups: Vec<Group<T>>, testbed: &mut T, remarks: &mut Vec<String>) -> Vec<Measurement> {
        self.run_with(groups, testbed, remarks, |probe, testbed| {
            Ok(Attempt { sample: Some(probe.sample(testbed)?), discarded: 0 })
        })
    }

    /// Runs all rounds, each attempt by `take`, which decides whether a sample counts.
    pub fn run_with<T>(
        &self,
        groups: Vec<Group<T>>,
        testbed: &mut T,
        remarks: &mut Vec<String>,
        mut take: impl FnMut(&mut dyn Probe<T>, &mut T) -> anyhow::Result<Attempt>,
    ) -> Vec<Measurement> {
        let mut groups: Vec<Vec<Series<T>>> =
            groups.into_iter().map(|group| group.into_iter().map(Series::new).collect()).collect();
        'rounds: for round in 0..self.count {
            for group in &mut groups {
                let first = round as usize % group.len().max(1);
                group.rotate_left(first);
                for series in group.iter_mut().filter(|series| series.failures < self.failures) {
                    if self.stop.load(Ordering::Relaxed) {
                        remarks.push(format!("ended by a signal in round {} of {}", round + 1, self.count));
                        break 'rounds;
                    }
                    let name = format!("round {}/{}: {}", round + 1, self.count, series.probe.case());
                    let outcome = take(&mut *series.probe, testbed);
                    (self.progress)(&format!("{name}: {}", series.add(outcome, &name, remarks)));
                }
                group.rotate_right(first);
            }
        }
        groups.into_iter().flatten().filter_map(|series| series.finish(self.count, remarks)).collect()
    }
}

impl<T> Series<T> {
    fn new(probe: Box<dyn Probe<T>>) -> Self {
        let measured = probe.case().clone().measured(Vec::new());
        Series { probe, measured, counters: BTreeMap::new(), failures: 0 }
    }

    /// Adds the outcome of an attempt. Returns it for people.
    fn add(&mut self, outcome: anyhow::Result<Attempt>, name: &str, remarks: &mut Vec<String>) -> String {
        match outcome {
            Ok(Attempt { sample, discarded }) => {
                self.measured.discarded += discarded;
                sample.map_or_else(|| "the machine is disturbed".to_owned(), |sample| self.add_sample(sample))
            }
            Err(error) => {
                self.failures += 1;
                remarks.push(format!("{name}: {error:#}"));
                remarks.extend(self.probe.recover().err().map(|error| format!("{error:#}")));
                format!("{error:#}")
            }
        }
    }

    fn add_sample(&mut self, sample: Sample) -> String {
        let loss = sample.counters.get("loss").map(|loss| format!(", {:.1} % lost", loss.value() * 100.0));
        self.measured.samples.push(sample.value);
        for (name, counter) in sample.counters {
            self.counters.entry(name).and_modify(|sum| *sum = sum.merge(counter)).or_insert(counter);
        }
        self.measured.distribution.add(&sample.distribution);
        quantity::show(&self.probe.case().unit, sample.value) + &loss.unwrap_or_default()
    }

    /// The measurement; `None` without a sample.
    fn finish(self, rounds: u32, remarks: &mut Vec<String>) -> Option<Measurement> {
        let (case, taken) = (self.probe.case(), self.measured.samples.len());
        if self.measured.discarded > 0 && taken < rounds as usize {
            remarks.push(format!("{case}: {taken} samples of {rounds}, the machine was disturbed"));
        }
        let counters = self.counters.into_iter().map(|(name, counter)| (name.to_owned(), counter.value())).collect();
        (taken > 0).then_some(Measurement { counters, ..self.measured })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Case;
    use crate::probe::probe;

    /// Fails at first if it is to. The testbed records the order.
    fn fake(subject: &'static str, mut fails: bool) -> Box<dyn Probe<Vec<String>>> {
        probe(Case::new("tcp", subject, "ns"), move |order: &mut Vec<String>| {
            order.push(subject.to_owned());
            anyhow::ensure!(!std::mem::take(&mut fails), "it failed");
            let number = order.len() as f64;
            let sample = Sample::of(number).count("sum", Counter::Sum(1.0)).count("most", Counter::Max(number));
            Ok(sample.count("ratio", Counter::Ratio(number, 2.0)).count("share", Counter::Share(9.0, 2.0)))
        })
    }

    #[test]
    fn rounds_rotate_and_counters_become_one() {
        let rounds = Rounds { count: 2, failures: 2, stop: &AtomicBool::new(false), progress: &|_| {} };
        let (mut order, mut remarks) = (Vec::new(), Vec::new());
        let found = rounds.run(vec![vec![fake("a", false), fake("b", true)]], &mut order, &mut remarks);
        assert_eq!(order, ["a", "b", "b", "a"]);
        assert_eq!((&found[0].samples, &found[1].samples), (&vec![1.0, 4.0], &vec![3.0]));
        assert_eq!(found[0].counters.values().copied().collect::<Vec<_>>(), [4.0, 1.25, 1.0, 2.0]);
        assert_eq!(remarks, ["round 1/2: b, tcp: it failed"]);
    }

    #[test]
    fn a_stop_keeps_what_was_measured() {
        let stop = AtomicBool::new(false);
        let rounds = Rounds { count: 3, failures: 1, stop: &stop, progress: &|_| stop.store(true, Ordering::Relaxed) };
        let mut remarks = Vec::new();
        assert_eq!(rounds.run(vec![vec![fake("a", false)]], &mut Vec::new(), &mut remarks)[0].samples.len(), 1);
        assert_eq!(remarks, ["ended by a signal in round 2 of 3"]);
    }
}
