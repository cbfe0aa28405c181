//! A figure with its plot: the measurements that it shows put together by who was asked.

use maud::{Markup, html};

use super::figures::{Figure, Kind, between, number};
use super::plot::Told;
use super::plot::bars::{Bar, Group, bars};
use super::plot::lines::{Line, Point, lines};
use super::plot::look::{Look, Looks};
use super::plot::matrix::{Cell, matrix};
use super::plot::steps::{Distribution, MARKED, Steps, steps};
use crate::bench::model::{Measurement, median};
use crate::bench::quantity::show;
use crate::bench::question::Question;
use crate::bench::words;

/// Who is who in a plot.
pub(super) type Legend = Vec<(Look, String)>;

/// The plot of a figure, and its legend unless the plot tells who is who itself.
pub(super) fn draw(figure: &Figure, id: &str, looks: &Looks) -> (Legend, Markup) {
    let told =
        |description: &str, plot: &dyn Fn(&Told) -> Markup| plot(&Told { id, title: &figure.title, description });
    match &figure.kind {
        Kind::Lines(name) => {
            let shown = lines_of(name, figure, looks);
            let legend = shown.iter().map(|line| (line.look, line.label.clone())).collect();
            (legend, told(&lines_in_words(&shown, figure), &|told| lines(told, name, figure.unit, &shown)))
        }
        Kind::Steps => {
            let shown = steps_of(figure, looks);
            let legend = shown.iter().map(|one| (one.look, one.label.clone())).collect();
            (legend, told(&steps_in_words(&shown), &|told| steps(told, &shown)))
        }
        Kind::Bars(questions) => {
            let groups: Vec<Group> = questions.iter().map(|question| group(question, questions.len(), looks)).collect();
            (Vec::new(), told(&bars_in_words(&groups, figure), &|told| bars(told, figure.unit, &groups)))
        }
        Kind::Matrix => {
            let cells: Vec<Cell> = figure.measurements.iter().filter_map(|measurement| cell(measurement)).collect();
            (Vec::new(), told(&matrix_in_words(&cells, figure), &|told| matrix(told, figure.unit, &cells)))
        }
    }
}

/// The measurements of each who was asked, in the order of the looks.
fn by_subject<'a>(measurements: &[&'a Measurement], looks: &Looks) -> Vec<Vec<&'a Measurement>> {
    let mut subjects: Vec<Vec<&Measurement>> = Vec::new();
    for measurement in measurements {
        match subjects.iter_mut().find(|known| known[0].subject == measurement.subject) {
            Some(known) => known.push(measurement),
            None => subjects.push(vec![measurement]),
        }
    }
    subjects.sort_by_key(|measurements| looks.rank(&measurements[0].subject));
    subjects
}

/// Who was asked, and between whom, or between how many.
fn label(measurements: &[&Measurement]) -> String {
    let mut pairs: Vec<_> = measurements.iter().map(|measurement| &measurement.pair).collect();
    pairs.sort();
    pairs.dedup();
    match pairs.len() {
        1 => words::subject(measurements[0]),
        several => format!("{}, {several} pairs", measurements[0].subject),
    }
}

/// The samples of several pairs, put together.
fn pooled(measurements: &[&Measurement]) -> (f64, (f64, f64)) {
    let samples: Vec<f64> = measurements.iter().flat_map(|measurement| &measurement.samples).copied().collect();
    let ends = samples.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, greatest), sample| {
        (least.min(*sample), greatest.max(*sample))
    });
    (median(&samples), ends)
}

fn lines_of(name: &str, figure: &Figure, looks: &Looks) -> Vec<Line> {
    let line = |measurements: Vec<&Measurement>| {
        let mut places: Vec<Option<f64>> = measurements.iter().map(|one| number(one, name)).collect();
        // Who has answered for some places has no answer for all.
        if places.iter().any(Option::is_some) {
            places.retain(Option::is_some);
        }
        places.sort_by(|one, other| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal));
        places.dedup();
        let point = |at: Option<f64>| {
            let there: Vec<&Measurement> =
                measurements.iter().filter(|measurement| number(measurement, name) == at).copied().collect();
            let (median, range) = pooled(&there);
            Point { at, median, range }
        };
        let points = places.into_iter().map(point).collect();
        Line { label: label(&measurements), look: looks.look(&measurements[0].subject), points }
    };
    by_subject(&figure.measurements, looks).into_iter().map(line).collect()
}

fn lines_in_words(lines: &[Line], figure: &Figure) -> String {
    let told = lines.iter().filter_map(|line| {
        let (first, last) = (line.points.first()?, line.points.last()?);
        let at = |point: &Point| point.at.map_or_else(String::new, |at| format!(" at {at}"));
        let told = |point: &Point| format!("{}{}", show(figure.unit, point.median), at(point));
        Some(match line.points.len() {
            1 => format!("{}: {}", line.label, told(first)),
            _ => format!("{}: from {} to {}", line.label, told(first), told(last)),
        })
    });
    format!("Lines of medians. {}.", told.collect::<Vec<_>>().join("; "))
}

fn steps_of(figure: &Figure, looks: &Looks) -> Vec<Steps> {
    let one = |measurements: Vec<&Measurement>| Steps {
        label: label(&measurements),
        look: looks.look(&measurements[0].subject),
        distribution: Distribution::new(measurements.iter().flat_map(|one| one.distribution.iter().copied())),
    };
    by_subject(&figure.measurements, looks).into_iter().map(one).collect()
}

fn steps_in_words(steps: &[Steps]) -> String {
    let told = steps.iter().map(|one| {
        let within = MARKED.iter().filter_map(|(name, share)| {
            Some(format!("{name} within {}", show("ns", one.distribution.within(*share)?)))
        });
        format!("{}: {}", one.label, within.collect::<Vec<_>>().join(", "))
    });
    format!("Cumulative distributions. {}.", told.collect::<Vec<_>>().join("; "))
}

fn group(question: &Question, groups: usize, looks: &Looks) -> Group {
    let bar = |measurements: Vec<&Measurement>| {
        let (median, range) = pooled(&measurements);
        Bar { label: label(&measurements), look: looks.look(&measurements[0].subject), median, range }
    };
    // A single group's parameters stand in the title of the figure.
    let title = if groups > 1 { words::parameters(question.parameters) } else { String::new() };
    Group { title, bars: by_subject(&question.answers, looks).into_iter().map(bar).collect() }
}

fn bars_in_words(groups: &[Group], figure: &Figure) -> String {
    let told = groups.iter().map(|group| {
        let bars = group.bars.iter().map(|bar| format!("{} {}", bar.label, show(figure.unit, bar.median)));
        let lead = if group.title.is_empty() { String::new() } else { format!("{}: ", group.title) };
        lead + &bars.collect::<Vec<_>>().join(", ")
    });
    format!("Bars of medians. {}.", told.collect::<Vec<_>>().join("; "))
}

fn cell<'a>(measurement: &'a Measurement) -> Option<Cell<'a>> {
    Some(Cell { pair: between(measurement)?, median: measurement.median(), range: measurement.range() })
}

fn matrix_in_words(cells: &[Cell], figure: &Figure) -> String {
    let told =
        cells.iter().map(|cell| format!("{} to {} {}", cell.pair.from, cell.pair.to, show(figure.unit, cell.median)));
    format!("Medians between pairs. {}.", told.collect::<Vec<_>>().join(", "))
}

/// Who is who, beside a piece of their line.
pub(super) fn legend(legend: &Legend) -> Markup {
    html! {
        @if !legend.is_empty() {
            ul.legend {
                @for (look, label) in legend {
                    li { (look.swatch()) " " (label) }
                }
            }
        }
    }
}
