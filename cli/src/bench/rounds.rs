//! Asks every question once in each round, and subjects of one question one behind the other, so that what disturbs the
//! host for a while disturbs all alike. Whose turn is first goes around.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::counts::{Counts, Tally};
use super::end::Path;
use super::fault::Fault;
use super::model::Measurement;
use super::offload::Features;
use super::task::{Offload, Reading, Task};

/// After so many failures a question is not asked any more.
const FAILURES_MOST: u32 = 2;

/// A question to a path, and what has come of it.
pub(super) struct Question {
    task: Task,
    path: usize,
    samples: Vec<f64>,
    /// All of them together; its value says nothing.
    whole: Reading,
    tally: Tally,
    failures: u32,
}

/// Asks.
pub(super) struct Rounds<'a> {
    pub(super) paths: &'a [Path],
    pub(super) count: u32,
    pub(super) sample: Duration,
    /// Raised when somebody wants the end.
    pub(super) stop: &'a AtomicBool,
    /// Told what is going on.
    pub(super) tell: &'a dyn Fn(&str),
    pub(super) remarks: Vec<String>,
}

impl Question {
    pub(super) fn new(task: Task, path: usize) -> Question {
        Question { task, path, samples: Vec::new(), whole: Reading::default(), tally: Tally::default(), failures: 0 }
    }

    /// What it has come to; nothing without a sample.
    fn measurement(self, paths: &[Path]) -> Option<Measurement> {
        let path = &paths[self.path];
        let mut beside = self.tally.beside();
        if self.whole.sent > 0.0 {
            beside.insert("loss".to_owned(), self.whole.lost / self.whole.sent);
        }
        if self.whole.checked > 0.0 {
            beside.insert("checked_frames".to_owned(), self.whole.checked);
            beside.insert("corrupt_frames".to_owned(), self.whole.corrupt);
        }
        if let Some(longest) = self.whole.percentile_99 {
            beside.insert("percentile_99".to_owned(), longest);
        }
        (!self.samples.is_empty()).then(|| Measurement {
            what: self.task.what().name().to_owned(),
            subject: path.subject.name().to_owned(),
            pair: path.pair.clone(),
            parameters: self.task.parameters(),
            unit: self.task.unit().to_owned(),
            samples: self.samples,
            discarded: 0,
            beside,
            distribution: self.whole.distribution,
        })
    }
}

impl Rounds<'_> {
    /// Asks `groups` of questions, each of which is one question to several subjects: what was measured, and all remarks.
    pub(super) fn ask(mut self, mut groups: Vec<Vec<Question>>) -> (Vec<Measurement>, Vec<String>) {
        'rounds: for round in 0..self.count {
            for group in &mut groups {
                let first = round as usize % group.len().max(1);
                group.rotate_left(first);
                for question in group.iter_mut().filter(|question| question.failures < FAILURES_MOST) {
                    if self.stop.load(Ordering::Relaxed) {
                        self.remarks.push(format!("ended by a signal in round {} of {}", round + 1, self.count));
                        break 'rounds;
                    }
                    self.sample(question, round);
                }
                group.rotate_right(first);
            }
        }
        let paths = self.paths;
        let measurements = groups.into_iter().flatten().filter_map(|question| question.measurement(paths)).collect();
        (measurements, self.remarks)
    }

    fn sample(&mut self, question: &mut Question, round: u32) {
        let path = &self.paths[question.path];
        let asked = format!("round {}/{}: {}, {}", round + 1, self.count, path.told(), question.task.told());
        match self.take(path, question) {
            Ok(reading) => {
                question.whole.add(&reading);
                question.samples.push(reading.value);
                let told = told(reading.value, question.task.unit());
                let loss = if reading.sent > 0.0 {
                    format!(", {:.1} % lost", reading.lost / reading.sent * 100.0)
                } else {
                    String::new()
                };
                (self.tell)(&format!("{asked}: {told}{loss}"));
            }
            Err(fault) => {
                question.failures += 1;
                (self.tell)(&format!("{asked}: {fault}"));
                self.remarks.push(format!("{asked}: {fault}"));
                self.recover(path);
            }
        }
    }

    fn take(&self, path: &Path, question: &mut Question) -> Result<Reading, Fault> {
        if question.task.offload() == Offload::On {
            return self.counted(path, question);
        }
        let features = Features::of(path)?;
        features.set(path, Offload::Off)?;
        let taken = self.counted(path, question);
        // Also after a failure: the next question is asked of cards as they were.
        features.set(path, Offload::On)?;
        taken
    }

    /// Asks, and counts what happens meanwhile.
    fn counted(&self, path: &Path, question: &mut Question) -> Result<Reading, Fault> {
        let before = (Counts::now(&path.from)?, Counts::now(&path.to)?);
        let reading = question.task.ask(path, self.sample)?;
        let after = (Counts::now(&path.from)?, Counts::now(&path.to)?);
        question.tally.add(path.from.card(), self.sample, &after.0.since(&before.0), &after.1.since(&before.1));
        Ok(reading)
    }

    /// Ends what may still run at both ends, so that the next question finds them idle.
    fn recover(&mut self, path: &Path) {
        for end in [&path.from, &path.to] {
            if let Err(error) = end.shell().settle() {
                self.remarks.push(format!("{} does not answer any more: {error}", end.name()));
            }
        }
    }
}

/// A figure for people.
fn told(value: f64, unit: &str) -> String {
    match unit {
        "bit/s" => format!("{:.2} Gbit/s", value / 1e9),
        unit => format!("{value:.0} {unit}"),
    }
}
