//! Medians over a parameter, one line for each who was asked, with the range of the samples at each point.

use maud::{Markup, html};

use super::axis::Axis;
use super::look::Look;
use super::{Area, HEIGHT, Told, drawing, px};
use crate::bench::quantity::Scale;

/// What one line shows.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Line {
    pub(crate) label: String,
    pub(crate) look: Look,
    /// In the order of `at`. A single point without a place holds for all places.
    pub(crate) points: Vec<Point>,
}

/// A median and its range.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Point {
    pub(crate) at: Option<f64>,
    pub(crate) median: f64,
    pub(crate) range: (f64, f64),
}

/// The plot over the parameter `name`.
pub(crate) fn lines(told: &Told, name: &str, unit: &str, lines: &[Line]) -> Markup {
    let points = || lines.iter().flat_map(|line| &line.points);
    let mut places: Vec<f64> = points().filter_map(|point| point.at).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let across = Axis::parameter(name, &places);
    let up = Axis::quantities(unit, points().flat_map(|point| [point.range.0, point.median, point.range.1]));
    let scale = Scale::of(unit, points().map(|point| point.range.1).fold(0.0, f64::max));
    let area = Area::new(&across, &up);
    let content = html! {
        (area.frame())
        // The first is ours: it lies above the others.
        @for line in lines.iter().rev() {
            g class=(line.look.class()) { (line.draw(&area, &scale)) }
        }
    };
    drawing(told, HEIGHT, &content)
}

impl Line {
    fn draw(&self, area: &Area, scale: &Scale) -> Markup {
        if let [Point { at: None, median, range }] = self.points.as_slice() {
            let y = px(area.y(*median));
            return html! {
                line.median x1=(px(area.left)) x2=(px(area.right)) y1=(y) y2=(y) {
                    title { (self.label) ": " (scale.show(*median)) " (" (scale.range(*range)) ")" }
                }
            };
        }
        let places = self.points.iter().filter_map(|point| Some((area.x(point.at?), point)));
        let places: Vec<(f64, &Point)> = places.filter(|(_, point)| point.median.is_finite()).collect();
        let path = places.iter().map(|(x, point)| format!("{},{}", px(*x), px(area.y(point.median))));
        html! {
            polyline.median points=(path.collect::<Vec<_>>().join(" ")) {}
            @for (x, point) in &places {
                line.range x1=(px(*x)) x2=(px(*x)) y1=(px(area.y(point.range.0))) y2=(px(area.y(point.range.1))) {}
                g {
                    title {
                        (self.label) ", " (at(area, point)) ": "
                        (scale.show(point.median)) " (" (scale.range(point.range)) ")"
                    }
                    (self.look.marker(*x, area.y(point.median)))
                }
            }
        }
    }
}

fn at(area: &Area, point: &Point) -> String {
    format!("{} {}", area.across.title(), point.at.map_or_else(String::new, |at| at.to_string()))
}
