//! Rounds: each contender once, then again in another order, so that what slows the machine for a while slows all.

use std::collections::BTreeMap;
use std::process;
use std::time::Instant;

use crate::distribution::Distribution;
use crate::gate::{Gate, Look};
use crate::other::Other;
use crate::report::{Measurement, Parameter, Report};
use crate::{Failure, waits};

/// How often a sample is tried before one does without it.
const TRIES: u32 = 4;

/// What is asked of whom.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    what: &'static str,
    subject: &'static str,
    unit: &'static str,
    parameters: BTreeMap<String, Parameter>,
}

impl Question {
    pub(crate) fn new(what: &'static str, subject: &'static str, unit: &'static str) -> Self {
        Self { what, subject, unit, parameters: BTreeMap::new() }
    }

    pub(crate) fn number(mut self, name: &str, value: f64) -> Self {
        self.parameters.insert(name.to_owned(), Parameter::Number(value));
        self
    }

    pub(crate) fn word(mut self, name: &str, value: &str) -> Self {
        self.parameters.insert(name.to_owned(), Parameter::Word(value.to_owned()));
        self
    }

    /// As one reads it: `frames, vni (burst 32, frame_bytes 64)`.
    pub(crate) fn told(&self) -> String {
        let parameters: Vec<String> = self.parameters.iter().map(|(name, value)| format!("{name} {value}")).collect();
        format!("{}, {} ({})", self.what, self.subject, parameters.join(", "))
    }
}

/// One answer.
pub(crate) struct Sample {
    value: f64,
    beside: Vec<(&'static str, f64)>,
    distribution: Distribution,
}

impl Sample {
    /// In the question's unit.
    pub(crate) fn of(value: f64) -> Self {
        Self { value, beside: Vec::new(), distribution: Distribution::default() }
    }

    /// What was counted beside.
    pub(crate) fn beside(mut self, name: &'static str, value: f64) -> Self {
        self.beside.push((name, value));
        self
    }

    /// How it was distributed.
    pub(crate) fn distributed(self, distribution: Distribution) -> Self {
        Self { distribution, ..self }
    }
}

/// One who can be asked a question.
pub(crate) trait Contender {
    /// What it is asked.
    fn question(&self) -> &Question;
    /// Asks it once.
    fn sample(&mut self, other: &mut Other) -> Result<Sample, Failure>;
    /// The processes that want their cores for all of a sample: if they have to wait, others are at work.
    fn busy(&self, other: &Other) -> Vec<u32> {
        vec![process::id(), other.process()]
    }
}

/// A contender and what it has answered.
struct Asked {
    contender: Box<dyn Contender>,
    samples: Vec<Sample>,
    discarded: u32,
    failed: Option<Failure>,
}

/// Asks all of them that often, and reports what they have answered.
pub(crate) fn ask_all(
    contenders: Vec<Box<dyn Contender>>,
    rounds: usize,
    gate: &mut Gate,
    other: &mut Other,
    report: &mut Report,
) -> Result<(), Failure> {
    let asked = |contender| Asked { contender, samples: Vec::new(), discarded: 0, failed: None };
    let mut all: Vec<Asked> = contenders.into_iter().map(asked).collect();
    let count = all.len();
    for round in 0..rounds {
        for place in 0..count {
            let one = &mut all[(place + round) % count];
            if one.failed.is_none() {
                one.ask(gate, other)?;
            }
        }
    }
    for one in all {
        one.tell(rounds, report);
    }
    Ok(())
}

impl Asked {
    /// An error is one of the gate: without it nothing can be measured any more.
    fn ask(&mut self, gate: &mut Gate, other: &mut Other) -> Result<(), Failure> {
        for _ in 0..TRIES {
            if gate.await_quiet(other)? == Look::Disturbed {
                return Ok(());
            }
            let (begin, waited) = (Instant::now(), waits::waited(&self.contender.busy(other)));
            let sample = self.contender.sample(other);
            let waited = waits::waited(&self.contender.busy(other)).saturating_sub(waited);
            let alone = gate.look_at_wait(waited.div_duration_f64(begin.elapsed())) == Look::Quiet;
            match sample {
                Ok(sample) if alone && gate.look(other)? == Look::Quiet => {
                    self.samples.push(sample);
                    return Ok(());
                }
                Ok(_) => self.discarded += 1,
                Err(failure) => {
                    self.failed = Some(failure);
                    return other.start_anew();
                }
            }
        }
        Ok(())
    }

    fn tell(self, rounds: usize, report: &mut Report) {
        let question = self.contender.question().clone();
        if let Some(failure) = &self.failed {
            report.failures += 1;
            report.remark(&format!("{}: {failure}", question.told()));
        } else if self.samples.len() < rounds {
            let taken = self.samples.len();
            report.remark(&format!("{}: {taken} samples of {rounds}, the machine was disturbed", question.told()));
        }
        if self.samples.is_empty() {
            return;
        }
        report.measurement(&measurement(question, &self.samples, self.discarded));
    }
}

fn measurement(question: Question, samples: &[Sample], discarded: u32) -> Measurement {
    let mut distribution = Distribution::default();
    let mut beside: BTreeMap<String, f64> = BTreeMap::new();
    for sample in samples {
        distribution.add(&sample.distribution);
        for (name, value) in &sample.beside {
            // What is counted in whole numbers is added up, the rest is a mean.
            let share =
                if name.starts_with("lost") || name.starts_with("corrupt") { 1.0 } else { samples.len() as f64 };
            *beside.entry((*name).to_owned()).or_default() += value / share;
        }
    }
    Measurement {
        what: question.what,
        subject: question.subject,
        pair: (),
        parameters: question.parameters,
        unit: question.unit,
        samples: samples.iter().map(|sample| sample.value).collect(),
        discarded,
        beside,
        distribution: distribution.buckets(),
    }
}
