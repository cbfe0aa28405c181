//! How subjects are drawn. Each keeps its colour, dash and marker in all figures of a bench. Each of the three alone tells
//! eight subjects apart.

use maud::{Markup, html};

use super::canvas::px;
use crate::comparison::references;
use crate::model::Bench;

const STYLES: usize = 8;
const RADIUS: f64 = 4.0;

/// What is shown of a subject, or of one of its pairs.
pub(in crate::report) struct Series<T> {
    pub(in crate::report) label: String,
    pub(in crate::report) style: Style,
    pub(in crate::report) shown: T,
}

impl<T> Series<T> {
    pub(in crate::report) fn map<U>(self, show: impl FnOnce(T) -> U) -> Series<U> {
        Series { label: self.label, style: self.style, shown: show(self.shown) }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::report) struct Style(usize);

#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::report) struct Styles<'a>(Vec<&'a str>);

impl<'a> Styles<'a> {
    /// Ours first, then the references, then the others.
    pub(in crate::report) fn of(bench: &'a Bench) -> Self {
        let mut subjects = vec!["vni"];
        subjects.extend(references(bench.setting));
        for measurement in &bench.measurements {
            if !subjects.contains(&measurement.case.subject.as_str()) {
                subjects.push(&measurement.case.subject);
            }
        }
        Self(subjects)
    }

    pub(in crate::report) fn rank(&self, subject: &str) -> usize {
        self.0.iter().position(|known| *known == subject).unwrap_or(self.0.len())
    }

    pub(in crate::report) fn style(&self, subject: &str) -> Style {
        Style(self.rank(subject) % STYLES)
    }
}

impl Style {
    pub(in crate::report) fn class(self) -> String {
        format!("look{}", self.0)
    }

    pub(super) fn marker(self, x: f64, y: f64) -> Markup {
        let corners: &[(f64, f64)] = match self.0 {
            1 => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
            2 => &[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
            3 => &[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
            4 => &[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)],
            5 => &[(-1.3, -0.5), (1.3, -0.5), (1.3, 0.5), (-1.3, 0.5)],
            6 => &[(-0.5, -1.3), (0.5, -1.3), (0.5, 1.3), (-0.5, 1.3)],
            7 => {
                &[(-1.2, -1.2), (0.0, -0.4), (1.2, -1.2), (0.4, 0.0), (1.2, 1.2), (0.0, 0.4), (-1.2, 1.2), (-0.4, 0.0)]
            }
            _ => &[],
        };
        let corner = |(right, down): &(f64, f64)| format!("{},{}", px(x + right * RADIUS), px(y + down * RADIUS));
        html! {
            @if corners.is_empty() {
                circle.marker cx=(px(x)) cy=(px(y)) r=(px(RADIUS)) {}
            } @else {
                polygon.marker points=(corners.iter().map(corner).collect::<Vec<_>>().join(" ")) {}
            }
        }
    }

    /// A short piece of line with its marker, for a legend.
    pub(in crate::report) fn swatch(self) -> Markup {
        html! {
            svg class=(format!("swatch {}", self.class())) viewBox="0 0 34 14" aria-hidden="true" {
                line.median x1="1" x2="33" y1="7" y2="7" {}
                (self.marker(17.0, 7.0))
            }
        }
    }
}
