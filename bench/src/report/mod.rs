//! Benches as one page that needs nothing else: no script, and no other file. It has title, remarks, targets, sections of
//! figures, and conditions.

mod details;
mod draw;
mod figures;
mod plot;
#[cfg(test)]
mod tests;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::details::details;
use self::draw::draw;
use self::figures::{Figure, Section, sections};
use self::plot::style::Styles;
use crate::labels;
use crate::model::{Bench, Target};
use crate::verdict;

const STYLE: &str = include_str!("style.css");

/// A bench as a page.
pub fn page(bench: &Bench) -> String {
    pages(std::slice::from_ref(bench))
}

/// Several benches on one page, in their order.
pub fn pages(benches: &[Bench]) -> String {
    let title = match benches {
        [bench] => bench.title.as_str(),
        _ => "What the virtual Ethernet carries",
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    @if let [bench] = benches {
                        h1 { (bench.title) }
                        (body(bench, 0))
                    } @else {
                        h1 { (title) }
                        (contents(benches))
                        @for (number, bench) in benches.iter().enumerate() {
                            article id=(format!("bench{number}")) {
                                h2.bench { (bench.title) }
                                (body(bench, number))
                            }
                        }
                    }
                }
                footer { p { "Made by Sprig from the bench's JSON file, which holds every sample." } }
            }
        }
    };
    page.into_string()
}

fn contents(benches: &[Bench]) -> Markup {
    html! {
        nav aria-label="Benches" { ol {
            @for (number, bench) in benches.iter().enumerate() {
                li {
                    a href=(format!("#bench{number}")) { (bench.title) } " – "
                    @if bench.targets.is_empty() { "no targets" } @else { "targets: " (verdict::summary(&bench.targets)) }
                }
            }
        } }
    }
}

fn body(bench: &Bench, number: usize) -> Markup {
    let styles = Styles::of(bench);
    html! {
        p.setting { "Measured " (labels::setting(bench.setting)) "." (discarded(bench)) }
        (remarks(bench))
        (targets(bench))
        @for (place, section) in sections(bench).iter().enumerate() {
            (draw_section(bench, section, &format!("plot{number}-{place}"), &styles))
        }
        (conditions(bench))
    }
}

fn discarded(bench: &Bench) -> String {
    let taken: usize = bench.measurements.iter().map(|measurement| measurement.samples.len()).sum();
    let discarded: u32 = bench.measurements.iter().map(|measurement| measurement.discarded).sum();
    match discarded {
        0 => format!(" {taken} samples, none discarded."),
        _ => format!(" {taken} samples; {discarded} more were discarded, because the machine was disturbed meanwhile."),
    }
}

fn remarks(bench: &Bench) -> Markup {
    html! {
        @if !bench.remarks.is_empty() {
            aside.remarks role="note" {
                p { strong { "This bench is a partial one, or was disturbed." } }
                ul { @for remark in &bench.remarks { li { (remark) } } }
            }
        }
    }
}

fn targets(bench: &Bench) -> Markup {
    html! {
        @if !bench.targets.is_empty() {
            section {
                h2 { "Targets: " (verdict::summary(&bench.targets)) }
                ul.targets { @for target in &bench.targets { (draw_target(target)) } }
            }
        }
    }
}

fn draw_target(target: &Target) -> Markup {
    let (class, sign) = match target.is_met() {
        Some(true) => ("met", "✓"),
        Some(false) => ("missed", "✗"),
        None => ("unknown", "?"),
    };
    let margin = verdict::margin(target);
    html! {
        li class=(class) {
            span.verdict {
                span aria-hidden="true" { (sign) " " }
                (verdict::label(target.is_met()))
                @if !margin.is_empty() { " " (margin) }
            }
            span.what { (target.what) }
            span.found { (verdict::found(target)) }
            span.wanted { (verdict::wanted(target)) }
        }
    }
}

fn draw_section(bench: &Bench, section: &Section, id: &str, styles: &Styles) -> Markup {
    let numbered = |figures: &[Figure], first: usize| {
        let figures = figures.iter().enumerate();
        figures.map(|(place, figure)| draw_figure(bench, figure, &format!("{id}-{}", first + place), styles)).collect()
    };
    let shown: Vec<Markup> = numbered(&section.figures, 0);
    let further: Vec<Markup> = numbered(&section.further, section.figures.len());
    html! {
        section {
            h2 { (section.title) }
            @if let Some(better) = better(section) { p.note { (better) } }
            div.figures { @for figure in &shown { (figure) } }
            @if !further.is_empty() {
                details.further {
                    summary { "Further figures: " (further.len()) }
                    div.figures { @for figure in &further { (figure) } }
                }
            }
        }
    }
}

/// Whether more or less is better, if the unit says it.
fn better(section: &Section) -> Option<&'static str> {
    match section.figures.first()?.unit {
        "ns" => Some("Less is better. Medians, with the range of all samples."),
        rate if rate.ends_with("/s") => Some("More is better. Medians, with the range of all samples."),
        _ => None,
    }
}

fn draw_figure(bench: &Bench, figure: &Figure, id: &str, styles: &Styles) -> Markup {
    html! {
        figure {
            figcaption { (figure.title) }
            (draw(figure, id, styles))
            (details(bench, figure, styles))
        }
    }
}

fn conditions(bench: &Bench) -> Markup {
    html! {
        @if !bench.conditions.is_empty() {
            section {
                h2 { "Conditions" }
                dl { @for (name, condition) in &bench.conditions { dt { (name) } dd { (condition) } } }
            }
        }
    }
}
