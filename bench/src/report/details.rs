//! The numbers of a figure, folded below it.

use maud::{Markup, html};

use super::figures::{Figure, Kind};
use super::plot::curves::{Cumulative, MARKED};
use super::plot::style::Styles;
use crate::comparison::{ratio, references};
use crate::labels;
use crate::model::{Bench, Measurement};
use crate::quantity::{Scale, digits, show};

/// A column: its head, and its cell for a measurement.
type Column<'a> = (String, Box<dyn Fn(&Measurement) -> String + 'a>);

pub(super) fn details(bench: &Bench, figure: &Figure, styles: &Styles) -> Markup {
    let mut rows = figure.measurements.clone();
    rows.sort_by_key(|measurement| styles.rank(&measurement.case.subject));
    let columns = columns(bench, figure);
    html! {
        details {
            summary { "The numbers" }
            @if columns.iter().any(|(head, _)| head.starts_with('÷')) {
                p.note { "÷: the median as a multiple of that reference's." }
            }
            div.scroll tabindex="0" role="region" aria-label=(format!("The numbers of: {}", figure.title)) {
                table {
                    thead { tr {
                        th scope="col" { "subject" }
                        th scope="col" { "parameters" }
                        @for (head, _) in &columns { th.number scope="col" { (head) } }
                    } }
                    tbody {
                        @for row in rows {
                            tr {
                                th scope="row" { (labels::subject(row)) }
                                td { (labels::parameters(&row.case.parameters)) }
                                @for (_, cell) in &columns { td.number { (cell(row)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn columns<'a>(bench: &'a Bench, figure: &Figure<'a>) -> Vec<Column<'a>> {
    let unit = figure.unit;
    let median = move |row: &Measurement| show(unit, row.summary().median);
    let range = move |row: &Measurement| {
        let scale = Scale::of(unit, row.summary().median);
        format!("{} {}", scale.range(row.summary().range()), scale.unit())
    };
    let mut columns: Vec<Column> =
        vec![("median".to_owned(), Box::new(median)), ("range of samples".to_owned(), Box::new(range))];
    columns.extend(references(bench.setting).iter().map(|reference| -> Column {
        let cell = move |row: &Measurement| ratio(bench, row, reference).map_or_else(String::new, digits);
        (format!("÷ {reference}"), Box::new(cell))
    }));
    columns.push(("samples".to_owned(), Box::new(|row| row.samples.len().to_string())));
    columns.push(("discarded".to_owned(), Box::new(|row| row.discarded.to_string())));
    if matches!(figure.kind, Kind::Steps) {
        columns.extend(distribution());
    }
    columns.extend(labels::all_counters(figure.measurements.iter().copied()).into_iter().map(|name| -> Column {
        let cell = |row: &Measurement| labels::counted(name, row);
        (labels::counter(name), Box::new(cell))
    }));
    columns.retain(|(_, cell)| figure.measurements.iter().any(|row| !cell(row).is_empty()));
    columns
}

/// How long the slow round trips took.
fn distribution<'a>() -> Vec<Column<'a>> {
    let of = |row: &Measurement| Cumulative::new([&row.distribution]);
    let time = |time: Option<f64>| time.map_or_else(String::new, |time| show("ns", time));
    let marked = MARKED.iter().map(|(name, share)| -> Column {
        (format!("{name} within"), Box::new(move |row| time(of(row).within(*share))))
    });
    let mut columns: Vec<Column> = marked.collect();
    columns.push(("all within".to_owned(), Box::new(move |row| time(of(row).greatest()))));
    columns.push(("round trips".to_owned(), Box::new(move |row| of(row).count().to_string())));
    columns
}
