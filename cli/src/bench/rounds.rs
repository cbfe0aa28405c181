//! Asks every question once in each round, and subjects of one question one behind the other, so that what disturbs the
//! host for a while disturbs all alike. Whose turn is first goes around.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::asked::Asked;
use super::counts::Tally;
use super::model::Measurement;
use super::task::Reading;

/// After so many failures a question is not asked any more.
const FAILURES_MOST: u32 = 2;

/// A question, and what has come of it.
pub(super) struct Question<'a> {
    asked: Asked<'a>,
    samples: Vec<f64>,
    /// All of them together; its value says nothing.
    whole: Reading,
    tally: Tally,
    failures: u32,
}

/// Asks.
pub(super) struct Rounds<'a> {
    pub(super) count: u32,
    pub(super) sample: Duration,
    /// Raised when somebody wants the end.
    pub(super) stop: &'a AtomicBool,
    /// Told what is going on.
    pub(super) tell: &'a dyn Fn(&str),
    pub(super) remarks: Vec<String>,
}

impl<'a> Question<'a> {
    pub(super) fn new(asked: Asked<'a>) -> Question<'a> {
        Question { asked, samples: Vec::new(), whole: Reading::default(), tally: Tally::default(), failures: 0 }
    }

    /// What it has come to; nothing without a sample.
    fn measurement(self) -> Option<Measurement> {
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
            what: self.asked.what().name().to_owned(),
            subject: self.asked.subject().name().to_owned(),
            pair: self.asked.pair().cloned(),
            parameters: self.asked.parameters(),
            unit: self.asked.unit().to_owned(),
            samples: self.samples,
            discarded: 0,
            beside,
            distribution: self.whole.distribution,
        })
    }
}

impl Rounds<'_> {
    /// Asks `groups` of questions, each of which is one question to several subjects: what was measured, and all remarks.
    pub(super) fn ask(mut self, mut groups: Vec<Vec<Question<'_>>>) -> (Vec<Measurement>, Vec<String>) {
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
        let measurements = groups.into_iter().flatten().filter_map(Question::measurement).collect();
        (measurements, self.remarks)
    }

    fn sample(&mut self, question: &mut Question<'_>, round: u32) {
        let asked = format!("round {}/{}: {}", round + 1, self.count, question.asked.told());
        match question.asked.take(self.sample, &mut question.tally) {
            Ok(reading) => {
                question.whole.add(&reading);
                question.samples.push(reading.value);
                let told = told(reading.value, question.asked.unit());
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
                self.recover(&question.asked);
            }
        }
    }

    /// Ends what may still run for it, so that the next question finds everybody idle.
    fn recover(&mut self, asked: &Asked<'_>) {
        for (name, shell) in asked.shells() {
            if let Err(error) = shell.settle() {
                self.remarks.push(format!("{name} does not answer any more: {error}"));
            }
        }
    }
}

/// A figure for people.
fn told(value: f64, unit: &str) -> String {
    match unit {
        "bit/s" => format!("{:.2} Gbit/s", value / 1e9),
        "B/s" => format!("{:.1} MB/s", value / 1e6),
        unit => format!("{value:.0} {unit}"),
    }
}
