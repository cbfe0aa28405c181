//! Chooses figures by what was measured, so that a bench may have cases that nobody has thought of yet.
//!
//! Along each parameter that takes three values or more there is a plot of lines for each combination of the others.
//! Bars show side by side what is in none of those, and TCP and UDP in any case, at the frame size of an Ethernet. Pairs
//! make a matrix, and round trips a distribution.

use crate::comparison::{ComparisonGroup, grouped, groups};
use crate::labels;
use crate::model::{Bench, Measurement, Pair, Parameter, Parameters};

/// The fewest values of a parameter that make a line.
const LINE: usize = 3;
/// How many figures of a kind are shown. The others are folded away.
const SHOWN: usize = 4;
/// How many groups are in one figure of bars.
const GROUPS: usize = 6;
/// Subjects are side by side at the frame size nearest to this, even if there are lines over it.
const ETHERNET: f64 = 1500.0;

pub(super) struct Section<'a> {
    pub(super) title: String,
    pub(super) figures: Vec<Figure<'a>>,
    pub(super) further: Vec<Figure<'a>>,
}

pub(super) struct Figure<'a> {
    pub(super) title: String,
    pub(super) unit: &'a str,
    pub(super) kind: Kind<'a>,
    pub(super) measurements: Vec<&'a Measurement>,
}

pub(super) enum Kind<'a> {
    /// Over the parameter of this name.
    Lines(&'a str),
    /// Each group for itself.
    Bars(Vec<ComparisonGroup<'a>>),
    /// As distributions.
    Steps,
    /// Between pairs.
    Matrix,
}

/// The sections of a bench, in the order in which it measured.
pub(super) fn sections(bench: &Bench) -> Vec<Section<'_>> {
    distinct(bench.measurements.iter().map(|one| (&*one.case.what, &*one.case.unit)))
        .into_iter()
        .map(|(what, unit)| section(bench, what, unit))
        .collect()
}

fn section<'a>(bench: &'a Bench, what: &'a str, unit: &'a str) -> Section<'a> {
    let is_about = |measurement: &&Measurement| measurement.case.what == what && measurement.case.unit == unit;
    let measurements: Vec<&Measurement> = bench.measurements.iter().filter(is_about).collect();
    let lines: Vec<Vec<Figure>> =
        numbers(&measurements).into_iter().map(|name| lines_over(name, unit, &measurements)).collect();
    let matrices = matrices(unit, &measurements);
    let bars = bars(what, unit, &measurements, lines.iter().flatten().chain(&matrices));
    let kinds = lines.into_iter().chain([bars, steps(unit, &measurements), matrices]);
    let mut section = Section { title: labels::what(what), figures: Vec::new(), further: Vec::new() };
    for mut figures in kinds {
        section.further.extend(figures.split_off(figures.len().min(SHOWN)));
        section.figures.extend(figures);
    }
    section
}

fn numbers<'a>(measurements: &[&'a Measurement]) -> Vec<&'a str> {
    let parameters = measurements.iter().flat_map(|measurement| labels::ordered(&measurement.case.parameters));
    distinct(parameters.filter(|(_, value)| matches!(value, Parameter::Number(_))).map(|(name, _)| name))
}

/// Each once, in the order of its first appearance.
fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for one in all {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

fn is_within(some: &Parameters, all: &Parameters) -> bool {
    some.iter().all(|(name, value)| all.get(name) == Some(value))
}

fn without(name: &str, measurement: &Measurement) -> Parameters {
    let mut parameters = measurement.case.parameters.clone();
    parameters.remove(name);
    parameters
}

/// One plot for each combination of the parameters other than `name`. A subject without one of them is in all.
fn lines_over<'a>(name: &'a str, unit: &'a str, measurements: &[&'a Measurement]) -> Vec<Figure<'a>> {
    let have_it = measurements.iter().filter(|measurement| measurement.case.number(name).is_some());
    let combinations = distinct(have_it.map(|measurement| without(name, measurement)));
    let is_whole = |one: &&Parameters| !combinations.iter().any(|other| other != *one && is_within(one, other));
    let figure = |others: &Parameters| {
        let own = measurements.iter().filter(|measurement| without(name, measurement) == *others);
        let mut values: Vec<f64> = own.filter_map(|measurement| measurement.case.number(name)).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        let shown = |measurement: &&&Measurement| is_within(&without(name, measurement), others);
        let figure = Figure {
            title: titled(&format!("Over {}", labels::dimension(name)), &labels::parameters(others)),
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

/// What no other figure shows, and TCP and UDP in any case.
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
    let is_shown = |group: &ComparisonGroup| {
        let is_shown = |member: &&Measurement| shown.iter().any(|shown| std::ptr::eq(*shown, *member));
        group.members.iter().all(is_shown)
    };
    let ethernet = nearest_to_ethernet(measurements);
    let stands_out = |group: &ComparisonGroup| {
        let size = group.members.first().and_then(|member| member.case.number("frame_bytes"));
        ["tcp", "udp"].contains(&what) && size.is_some() && size == ethernet
    };
    let mut wanted: Vec<ComparisonGroup> = groups(measurements.iter().copied());
    wanted.retain(|group| !is_shown(group) || stands_out(group));
    for group in &mut wanted {
        let members = group.members.clone();
        let is_general = |other: &&&Measurement| {
            let is_other = members.iter().all(|member| member.case.subject != other.case.subject);
            is_other && is_within(&other.case.parameters, group.parameters)
        };
        group.members.extend(measurements.iter().filter(is_general));
    }
    wanted.chunks(GROUPS).map(|groups| bar_figure(unit, groups)).collect()
}

fn bar_figure<'a>(unit: &'a str, groups: &[ComparisonGroup<'a>]) -> Figure<'a> {
    let title = match groups {
        [group] => titled("Side by side", &labels::parameters(group.parameters)),
        _ => "Side by side".to_owned(),
    };
    let measurements = groups.iter().flat_map(|group| group.members.iter().copied()).collect();
    Figure { title, unit, kind: Kind::Bars(groups.to_vec()), measurements }
}

fn nearest_to_ethernet(measurements: &[&Measurement]) -> Option<f64> {
    let sizes = measurements.iter().filter_map(|measurement| measurement.case.number("frame_bytes"));
    sizes.min_by(|one, other| (one - ETHERNET).abs().total_cmp(&(other - ETHERNET).abs()))
}

fn steps<'a>(unit: &'a str, measurements: &[&'a Measurement]) -> Vec<Figure<'a>> {
    let distributed = measurements.iter().copied().filter(|measurement| !measurement.distribution.is_empty());
    let figure = |group: ComparisonGroup<'a>| Figure {
        title: titled("Distribution", &labels::parameters(group.parameters)),
        unit,
        kind: Kind::Steps,
        measurements: group.members,
    };
    groups(distributed).into_iter().map(figure).collect()
}

fn matrices<'a>(unit: &'a str, measurements: &[&'a Measurement]) -> Vec<Figure<'a>> {
    let mut figures = Vec::new();
    for group in groups(measurements.iter().copied().filter(|measurement| pair(measurement).is_some())) {
        for (subject, measurements) in grouped(group.members, |member| &member.case.subject) {
            if measurements.len() > 1 {
                let title = titled(&format!("{subject} between all pairs"), &labels::parameters(group.parameters));
                figures.push(Figure { title, unit, kind: Kind::Matrix, measurements });
            }
        }
    }
    figures
}

/// The pair, if it is one of two partitions.
pub(super) fn pair(measurement: &Measurement) -> Option<&Pair> {
    measurement.case.pair.as_ref().filter(|pair| pair.from != pair.to)
}
