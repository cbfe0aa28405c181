//! Medians over a parameter, one line for each subject, with the range of the samples at each point.

use maud::{Markup, html};

use super::axis::Axis;
use super::canvas::{Area, Plot, polyline, px};
use super::style::Series;
use crate::quantity::Scale;
use crate::statistics::Summary;

/// Values of the parameter in their order, and what was measured there. A single point without a value holds for all.
pub(in crate::report) type Points = Vec<(Option<f64>, Summary)>;

/// The plot over the parameter `name`.
pub(in crate::report) fn lines(name: &str, unit: &str, lines: &[Series<Points>]) -> Plot {
    let points = || lines.iter().flat_map(|line| &line.shown);
    let mut values: Vec<f64> = points().filter_map(|(at, _)| *at).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let across = Axis::parameter(name, &values);
    let up = Axis::quantities(unit, points().flat_map(|(_, summary)| [summary.least, summary.median, summary.most]));
    let scale = Scale::of(unit, points().map(|(_, summary)| summary.most).fold(0.0, f64::max));
    let area = Area::new(&across, &up);
    area.plot(lines, |line| line.draw(&area, &scale))
}

impl Series<Points> {
    fn draw(&self, area: &Area, scale: &Scale) -> Markup {
        if let [(None, summary)] = self.shown.as_slice() {
            let y = px(area.y(summary.median));
            return html! {
                line.median x1=(px(area.left)) x2=(px(area.right)) y1=(y) y2=(y) {
                    title { (self.label) ": " (scale.describe(*summary)) }
                }
            };
        }
        let points = self.shown.iter().filter_map(|(at, summary)| Some(((*at)?, summary)));
        let points: Vec<(f64, &Summary)> = points.filter(|(_, summary)| summary.median.is_finite()).collect();
        html! {
            (polyline(points.iter().map(|(at, summary)| (area.x(*at), area.y(summary.median)))))
            @for (at, summary) in &points {
                @let x = area.x(*at);
                line.range x1=(px(x)) x2=(px(x)) y1=(px(area.y(summary.least))) y2=(px(area.y(summary.most))) {}
                g {
                    title { (self.label) ", " (area.across.title()) " " (at.to_string()) ": " (scale.describe(**summary)) }
                    (self.style.marker(x, area.y(summary.median)))
                }
            }
        }
    }
}
