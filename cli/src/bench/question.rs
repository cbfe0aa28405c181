//! Measurements put together that answer the same question, and compared with those who are known.

use super::model::{Bench, Measurement, Setting};
use super::words::{self, Parameters};

/// What was asked with the same parameters, of whomever.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// What was measured.
    pub what: &'a str,
    /// Of all samples.
    pub unit: &'a str,
    /// The same for everyone.
    pub parameters: &'a Parameters,
    /// Who answered, in the order of the bench; never empty.
    pub answers: Vec<&'a Measurement>,
}

impl<'a> Question<'a> {
    /// In words.
    pub fn title(&self) -> String {
        let words = [words::what(self.what), words::parameters(self.parameters)];
        words.iter().filter(|words| !words.is_empty()).cloned().collect::<Vec<_>>().join(", ")
    }

    /// The names of all that was counted beside.
    pub fn beside(&self) -> Vec<&'a str> {
        words::all_beside(self.answers.iter().copied())
    }

    /// The greatest sample.
    pub fn greatest(&self) -> f64 {
        self.answers.iter().map(|answer| answer.range().1).fold(0.0, f64::max)
    }
}

/// The questions, in the order in which the bench first asks them.
pub fn questions<'a>(measurements: impl IntoIterator<Item = &'a Measurement>) -> Vec<Question<'a>> {
    let mut questions: Vec<Question<'a>> = Vec::new();
    for answer in measurements {
        let (what, unit, parameters) = (answer.what.as_str(), answer.unit.as_str(), &answer.parameters);
        let asked = |asked: &&mut Question| (asked.what, asked.unit, asked.parameters) == (what, unit, parameters);
        match questions.iter_mut().find(asked) {
            Some(question) => question.answers.push(answer),
            None => questions.push(Question { what, unit, parameters, answers: vec![answer] }),
        }
    }
    questions
}

/// Those whom everybody knows, and against whom the others are told.
pub fn references(setting: Setting) -> &'static [&'static str] {
    match setting {
        Setting::Box => &["loopback", "veth", "virtio-net", "alone", "cards"],
        Setting::Native => &["limit", "memif", "vhost-user", "rtrb", "crossbeam"],
        Setting::Tap => &["veth"],
    }
}

/// What `subject` answered to the question that `measurement` answers. A parameter that `subject` was not given means
/// nothing to it: that answer holds for every value. Of several, that of the same pair is taken, then one from the
/// same partition.
pub fn reference<'a>(bench: &'a Bench, measurement: &Measurement, subject: &str) -> Option<&'a Measurement> {
    let asked = |other: &&Measurement| {
        let same = |(name, value)| measurement.parameters.get(name) == Some(value);
        let is_same_thing = other.what == measurement.what && other.unit == measurement.unit;
        other.subject == subject && is_same_thing && other.parameters.iter().all(same)
    };
    let from = |measurement: &Measurement| measurement.pair.as_ref().map(|pair| pair.from.clone());
    let nearness = |other: &&Measurement| {
        (other.parameters.len(), other.pair == measurement.pair, from(other) == from(measurement))
    };
    // The first of equals: `max_by_key` takes the last.
    bench.measurements.iter().rev().filter(asked).max_by_key(nearness)
}

/// How many times the reference's median this one's is; nothing of the reference itself.
pub fn ratio(bench: &Bench, measurement: &Measurement, subject: &str) -> Option<f64> {
    if measurement.subject == subject {
        return None;
    }
    let ratio = measurement.median() / reference(bench, measurement, subject)?.median();
    ratio.is_finite().then_some(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::made_up;
    use crate::bench::model::{Pair, Parameter};

    fn asked<'a>(bench: &'a Bench, what: &str, subject: &str) -> &'a Measurement {
        let is_asked = |asked: &&Measurement| asked.what == what && asked.subject == subject;
        bench.measurements.iter().find(is_asked).unwrap()
    }

    #[test]
    fn measurements_of_the_same_parameters_answer_one_question() {
        let bench = made_up::a_box();
        let questions = questions(&bench.measurements);
        let answers: usize = questions.iter().map(|question| question.answers.len()).sum();
        assert_eq!(answers, bench.measurements.len());
        let matrix = questions.iter().find(|question| question.what == "frames").unwrap();
        assert_eq!(matrix.answers.len(), 6);
        assert_eq!(matrix.title(), "Frames, 1500-byte frames, one way");
        assert_eq!(matrix.beside(), ["doorbells_per_frame", "drops_per_frame"]);
    }

    #[test]
    fn a_reference_without_a_parameter_holds_for_all_its_values() {
        let bench = made_up::a_box();
        let vni = asked(&bench, "tcp", "vni");
        let loopback = reference(&bench, vni, "loopback").unwrap();
        assert!(!loopback.parameters.contains_key("frame_bytes") && vni.parameters.contains_key("frame_bytes"));
        assert_eq!(ratio(&bench, vni, "loopback"), Some(vni.median() / loopback.median()));
        assert_eq!(ratio(&bench, loopback, "vni"), None, "frames of one size are no answer for all");
    }

    #[test]
    fn a_reference_answers_for_its_own_parameters_only() {
        let mut bench = made_up::a_box();
        let vni = asked(&bench, "tcp", "vni").clone();
        bench.measurements.retain(|measurement| measurement.subject == "loopback");
        for measurement in &mut bench.measurements {
            measurement.parameters.insert("offload".to_owned(), Parameter::Word("sideways".to_owned()));
        }
        assert_eq!(reference(&bench, &vni, "loopback"), None);
    }

    #[test]
    fn the_reference_of_the_same_partition_is_taken() {
        let mut bench = made_up::a_box();
        let vni = asked(&bench, "tcp", "vni").clone();
        let mut loopback = asked(&bench, "tcp", "loopback").clone();
        for name in ["db", "web", "log"] {
            loopback.pair = Some(Pair { from: name.to_owned(), to: name.to_owned() });
            bench.measurements.push(loopback.clone());
        }
        assert_eq!(reference(&bench, &vni, "loopback").unwrap().pair.as_ref().unwrap().from, "web");
    }

    #[test]
    fn nothing_is_told_against_itself_or_against_nothing() {
        let mut bench = made_up::a_box();
        let veth = asked(&bench, "tcp", "veth").clone();
        assert_eq!(ratio(&bench, &veth, "veth"), None);
        for measurement in bench.measurements.iter_mut().filter(|measurement| measurement.subject == "loopback") {
            measurement.samples.fill(0.0);
        }
        assert_eq!(ratio(&bench, &veth, "loopback"), None);
    }
}
