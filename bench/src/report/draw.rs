//! A figure with its plot: measurements put together by subject.

use maud::{Markup, html};

use super::figures::{Figure, Kind, pair};
use super::plot::bars::{Row, bars};
use super::plot::canvas::drawing;
use super::plot::curves::{Cumulative, MARKED, Points, lines, steps};
use super::plot::matrix::{Cell, matrix};
use super::plot::style::{Series, Styles};
use crate::comparison::{ComparisonGroup, grouped};
use crate::labels;
use crate::model::Measurement;
use crate::quantity::show;
use crate::statistics::Summary;

/// The legend of a figure, unless its plot has the names itself, and the plot.
pub(super) fn draw(figure: &Figure, id: &str, styles: &Styles) -> Markup {
    let unit = figure.unit;
    let (legend, description, plot) = match &figure.kind {
        Kind::Lines(name) => {
            let shown = lines_of(name, figure, styles);
            (legend(&shown), describe_lines(&shown, unit), lines(name, unit, &shown))
        }
        Kind::Steps => {
            let series = by_subject(&figure.measurements, styles).into_iter();
            let cumulative = |all: Vec<&Measurement>| Cumulative::new(all.iter().map(|one| &one.distribution));
            let shown: Vec<_> = series.map(|series| series.map(cumulative)).collect();
            (legend(&shown), describe_steps(&shown), steps(&shown))
        }
        Kind::Bars(groups) => {
            let groups: Vec<Vec<Row>> = groups.iter().map(|group| rows(group, groups.len(), styles)).collect();
            (Markup::default(), describe_bars(&groups, unit), bars(unit, &groups.concat()))
        }
        Kind::Matrix => {
            let pairs = figure.measurements.iter().filter_map(|one| Some((pair(one)?, one.summary())));
            let cells: Vec<Cell> = pairs.map(|(pair, summary)| Cell { pair, summary }).collect();
            (Markup::default(), describe_matrix(&cells, unit), matrix(unit, &cells))
        }
    };
    html! { (legend) (drawing(id, &figure.title, &description, plot)) }
}

/// The measurements of each subject with its label, in the order of the styles.
fn by_subject<'a>(measurements: &[&'a Measurement], styles: &Styles) -> Vec<Series<Vec<&'a Measurement>>> {
    let mut subjects = grouped(measurements.iter().copied(), |one| &one.case.subject);
    subjects.sort_by_key(|(subject, _)| styles.rank(subject));
    let named = |(subject, shown): (&'a String, Vec<&'a Measurement>)| Series {
        label: label(&shown),
        style: styles.style(subject),
        shown,
    };
    subjects.into_iter().map(named).collect()
}

/// The subject, and its pair, or the number of pairs.
fn label(measurements: &[&Measurement]) -> String {
    let mut pairs: Vec<_> = measurements.iter().map(|measurement| &measurement.case.pair).collect();
    pairs.sort();
    pairs.dedup();
    match pairs.len() {
        1 => labels::subject(measurements[0]),
        several => format!("{}, {several} pairs", measurements[0].case.subject),
    }
}

/// The samples of several pairs, put together.
fn pooled<'a>(measurements: impl IntoIterator<Item = &'a &'a Measurement>) -> Summary {
    Summary::of(measurements.into_iter().flat_map(|measurement| &measurement.samples).copied())
}

fn lines_of(name: &str, figure: &Figure, styles: &Styles) -> Vec<Series<Points>> {
    let line = |measurements: Vec<&Measurement>| -> Points {
        let value = |one: &Measurement| one.case.number(name);
        let mut values: Vec<Option<f64>> = measurements.iter().map(|one| value(one)).collect();
        // A subject with some values has no point that holds for all.
        if values.iter().any(Option::is_some) {
            values.retain(Option::is_some);
        }
        values.sort_by(|one, other| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal));
        values.dedup();
        let point = |at: Option<f64>| (at, pooled(measurements.iter().filter(|one| value(one) == at)));
        values.into_iter().map(point).collect()
    };
    by_subject(&figure.measurements, styles).into_iter().map(|series| series.map(line)).collect()
}

fn rows(group: &ComparisonGroup, groups: usize, styles: &Styles) -> Vec<Row> {
    // The parameters of a single group are in the title of the figure.
    let title = Some(labels::parameters(group.parameters)).filter(|title| groups > 1 && !title.is_empty());
    let bars = by_subject(&group.members, styles).into_iter();
    let bars = bars.map(|Series { label, style, shown }| Row::Bar(label, style, pooled(&shown)));
    title.map(Row::Title).into_iter().chain(bars).collect()
}

fn describe_lines(lines: &[Series<Points>], unit: &str) -> String {
    let describe = |(at, summary): &(Option<f64>, Summary)| {
        let at = at.map_or_else(String::new, |at| format!(" at {at}"));
        format!("{}{at}", show(unit, summary.median))
    };
    let lines = lines.iter().filter_map(|Series { label, shown, .. }| match shown.as_slice() {
        [] => None,
        [only] => Some(format!("{label}: {}", describe(only))),
        [first, .., last] => Some(format!("{label}: from {} to {}", describe(first), describe(last))),
    });
    format!("Lines of medians. {}.", lines.collect::<Vec<_>>().join("; "))
}

fn describe_steps(steps: &[Series<Cumulative>]) -> String {
    let steps = steps.iter().map(|Series { label, shown, .. }| {
        let within = |(name, share): &(&str, f64)| Some(format!("{name} within {}", show("ns", shown.within(*share)?)));
        format!("{label}: {}", MARKED.iter().filter_map(within).collect::<Vec<_>>().join(", "))
    });
    format!("Cumulative distributions. {}.", steps.collect::<Vec<_>>().join("; "))
}

fn describe_bars(groups: &[Vec<Row>], unit: &str) -> String {
    let groups = groups.iter().map(|rows| {
        let (mut lead, mut bars) = (String::new(), Vec::new());
        for row in rows {
            match row {
                Row::Title(title) => lead = format!("{title}: "),
                Row::Bar(label, _, summary) => bars.push(format!("{label} {}", show(unit, summary.median))),
            }
        }
        lead + &bars.join(", ")
    });
    format!("Bars of medians. {}.", groups.collect::<Vec<_>>().join("; "))
}

fn describe_matrix(cells: &[Cell], unit: &str) -> String {
    let cells = cells
        .iter()
        .map(|Cell { pair, summary }| format!("{} to {} {}", pair.from, pair.to, show(unit, summary.median)));
    format!("Medians between pairs. {}.", cells.collect::<Vec<_>>().join(", "))
}

fn legend<T>(series: &[Series<T>]) -> Markup {
    html! {
        @if !series.is_empty() {
            ul.legend { @for one in series { li { (one.style.swatch()) " " (one.label) } } }
        }
    }
}
