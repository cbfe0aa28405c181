//! Which figures a bench deserves: chosen from what was measured, so that a bench may ask what nobody thought of yet.
//!
//! Along each parameter that takes three values or more there is a plot of lines for each combination of the others.
//! What is in none of those stands side by side as bars; TCP and UDP always do, at the frame size of an Ethernet. Pairs
//! make a matrix, and round trips a distribution.

use crate::bench::model::{Bench, Measurement, Pair, Parameter};
use crate::bench::question::{Question, questions};
use crate::bench::words::{self, Parameters};

/// So many values of a parameter make a line.
const LINE: usize = 3;
/// So many figures of a kind are shown at once; the others are folded away.
const SHOWN: usize = 4;
/// So many questions stand in one figure of bars.
const GROUPS: usize = 6;
/// Nearest to this frame size, subjects stand side by side even if there are lines over it.
const ETHERNET: f64 = 1500.0;

/// All about one thing that was measured.
pub(super) struct Section<'a> {
    pub(super) title: String,
    pub(super) figures: Vec<Figure<'a>>,
    /// Those that are folded away.
    pub(super) further: Vec<Figure<'a>>,
}

/// One figure.
pub(super) struct Figure<'a> {
    pub(super) title: String,
    pub(super) unit: &'a str,
    pub(super) kind: Kind<'a>,
    /// All that it shows.
    pub(super) measurements: Vec<&'a Measurement>,
}

/// How it is drawn.
pub(super) enum Kind<'a> {
    /// Over the parameter of this name.
    Lines(&'a str),
    /// Each question for itself.
    Bars(Vec<Question<'a>>),
    /// As distributions.
    Steps,
    /// Between pairs.
    Matrix,
}

/// The sections of a bench, in the order in which it measured.
pub(super) fn sections(bench: &Bench) -> Vec<Section<'_>> {
    let mut things: Vec<(&str, &str)> = Vec::new();
    for measurement in &bench.measurements {
        let thing = (measurement.what.as_str(), measurement.unit.as_str());
        if !things.contains(&thing) {
            things.push(thing);
        }
    }
    things.into_iter().map(|(what, unit)| section(bench, what, unit)).collect()
}

fn section<'a>(bench: &'a Bench, what: &'a str, unit: &'a str) -> Section<'a> {
    let is_about = |measurement: &&Measurement| measurement.what == what && measurement.unit == unit;
    let measurements: Vec<&Measurement> = bench.measurements.iter().filter(is_about).collect();
    let lines: Vec<Vec<Figure>> =
        numbers(&measurements).into_iter().map(|name| lines_over(name, unit, &measurements)).collect();
    let matrices = matrices(unit, &measurements);
    let bars = bars(what, unit, &measurements, lines.iter().flatten().chain(&matrices));
    let kinds = lines.into_iter().chain([bars, steps(unit, &measurements), matrices]);
    let mut section = Section { title: words::what(what), figures: Vec::new(), further: Vec::new() };
    for mut figures in kinds {
        section.further.extend(figures.split_off(figures.len().min(SHOWN)));
        section.figures.extend(figures);
    }
    section
}

/// The names of all parameters that are numbers.
fn numbers<'a>(measurements: &[&'a Measurement]) -> Vec<&'a str> {
    let parameters = measurements.iter().flat_map(|measurement| words::ordered(&measurement.parameters));
    let mut names: Vec<&str> = Vec::new();
    for (name, value) in parameters {
        if matches!(value, Parameter::Number(_)) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The value of a parameter that is a number.
pub(super) fn number(measurement: &Measurement, name: &str) -> Option<f64> {
    match measurement.parameters.get(name) {
        Some(Parameter::Number(number)) => Some(*number),
        _ => None,
    }
}

/// Whether all of `some` are in `all`.
fn is_within(some: &Parameters, all: &Parameters) -> bool {
    some.iter().all(|(name, value)| all.get(name) == Some(value))
}

fn without(name: &str, measurement: &Measurement) -> Parameters {
    let mut parameters = measurement.parameters.clone();
    parameters.remove(name);
    parameters
}

/// One plot for each combination of the parameters other than `name`. Who was not given one of them is in all.
fn lines_over<'a>(name: &'a str, unit: &'a str, measurements: &[&'a Measurement]) -> Vec<Figure<'a>> {
    let mut combinations: Vec<Parameters> = Vec::new();
    for measurement in measurements.iter().filter(|measurement| number(measurement, name).is_some()) {
        let others = without(name, measurement);
        if !combinations.contains(&others) {
            combinations.push(others);
        }
    }
    let is_whole = |one: &&Parameters| !combinations.iter().any(|other| other != *one && is_within(one, other));
    let figure = |others: &Parameters| {
        let asked = measurements.iter().filter(|measurement| without(name, measurement) == *others);
        let mut values: Vec<f64> = asked.filter_map(|measurement| number(measurement, name)).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        let shown = |measurement: &&&Measurement| is_within(&without(name, measurement), others);
        let figure = Figure {
            title: titled(&format!("Over {}", words::dimension(name)), &words::parameters(others)),
            unit,
            kind: Kind::Lines(name),
            measurements: measurements.iter().filter(shown).copied().collect(),
        };
        (values.len() >= LINE).then_some(figure)
    };
    combinations.iter().filter(is_whole).filter_map(figure).collect()
}

fn titled(kind: &str, parameters: &str) -> String {
    if parameters.is_empty() { kind.to_owned() } else { format!("{kind}: {parameters}") }
}

/// Subjects side by side: what no other figure shows, and TCP and UDP in any case.
fn bars<'a, 'b>(
    what: &str,
    unit: &'a str,
    measurements: &[&'a Measurement],
    others: impl Iterator<Item = &'b Figure<'a>>,
) -> Vec<Figure<'a>>
where
    'a: 'b,
{
    let shown: Vec<&Measurement> = others.flat_map(|figure| figure.measurements.iter().copied()).collect();
    let is_shown = |question: &Question| {
        let is_shown = |answer: &&Measurement| shown.iter().any(|shown| std::ptr::eq(*shown, *answer));
        question.answers.iter().all(is_shown)
    };
    let ethernet = nearest_to_ethernet(measurements);
    let stands_out = |question: &Question| {
        let size = question.answers.first().and_then(|answer| number(answer, "frame_bytes"));
        ["tcp", "udp"].contains(&what) && size.is_some() && size == ethernet
    };
    let mut wanted: Vec<Question> = questions(measurements.iter().copied());
    wanted.retain(|question| !is_shown(question) || stands_out(question));
    for question in &mut wanted {
        let asked = question.answers.clone();
        let is_general = |other: &&&Measurement| {
            let is_other = asked.iter().all(|answer| answer.subject != other.subject);
            is_other && is_within(&other.parameters, question.parameters)
        };
        question.answers.extend(measurements.iter().filter(is_general));
    }
    wanted.chunks(GROUPS).map(|questions| bar_figure(unit, questions)).collect()
}

fn bar_figure<'a>(unit: &'a str, questions: &[Question<'a>]) -> Figure<'a> {
    let title = match questions {
        [question] => titled("Side by side", &words::parameters(question.parameters)),
        _ => "Side by side".to_owned(),
    };
    let measurements = questions.iter().flat_map(|question| question.answers.iter().copied()).collect();
    Figure { title, unit, kind: Kind::Bars(questions.to_vec()), measurements }
}

fn nearest_to_ethernet(measurements: &[&Measurement]) -> Option<f64> {
    let sizes = measurements.iter().filter_map(|measurement| number(measurement, "frame_bytes"));
    sizes.min_by(|one, other| (one - ETHERNET).abs().total_cmp(&(other - ETHERNET).abs()))
}

fn steps<'a>(unit: &'a str, measurements: &[&'a Measurement]) -> Vec<Figure<'a>> {
    let distributed = measurements.iter().copied().filter(|measurement| !measurement.distribution.is_empty());
    let figure = |question: Question<'a>| Figure {
        title: titled("Distribution", &words::parameters(question.parameters)),
        unit,
        kind: Kind::Steps,
        measurements: question.answers,
    };
    questions(distributed).into_iter().map(figure).collect()
}

fn matrices<'a>(unit: &'a str, measurements: &[&'a Measurement]) -> Vec<Figure<'a>> {
    let mut figures = Vec::new();
    for question in questions(measurements.iter().copied().filter(|measurement| between(measurement).is_some())) {
        let mut subjects: Vec<&str> = question.answers.iter().map(|answer| answer.subject.as_str()).collect();
        subjects.dedup();
        for subject in subjects {
            let answers = question.answers.iter().copied().filter(|answer| answer.subject == subject);
            let measurements: Vec<&Measurement> = answers.collect();
            if measurements.len() > 1 {
                let title = titled(&format!("{subject} between all pairs"), &words::parameters(question.parameters));
                figures.push(Figure { title, unit, kind: Kind::Matrix, measurements });
            }
        }
    }
    figures
}

/// The pair, if it is one of two partitions.
pub(super) fn between(measurement: &Measurement) -> Option<&Pair> {
    measurement.pair.as_ref().filter(|pair| pair.from != pair.to)
}
