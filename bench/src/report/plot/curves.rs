//! Lines of several subjects: medians over a parameter, with the range of the samples at each point; and cumulative
//! distributions of round trips, with more room for the few slow ones.

use bench_agent::Distribution;
use maud::{Markup, html};

use super::axis::Axis;
use super::canvas::{Area, Plot, polyline, px};
use super::style::Series;
use crate::quantity::{Scale, show};
use crate::statistics::Summary;

/// Values of the parameter in their order, and what was measured there. A single point without a value holds for all.
pub(in crate::report) type Points = Vec<(Option<f64>, Summary)>;

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
                    title { (self.label) ", " (area.across.title) " " (at.to_string()) ": " (scale.describe(**summary)) }
                    (self.style.marker(x, area.y(summary.median)))
                }
            }
        }
    }
}

/// The shares that are marked, and listed in numbers.
pub(in crate::report) const MARKED: [(&str, f64); 4] =
    [("half", 0.5), ("90 %", 0.9), ("99 %", 0.99), ("99.9 %", 0.999)];

/// Bounds in nanoseconds, ascending, each with the number of those that took no longer.
pub(in crate::report) struct Cumulative(Vec<(f64, u64)>);

impl Cumulative {
    pub(in crate::report) fn new<'a>(distributions: impl IntoIterator<Item = &'a Distribution>) -> Self {
        let counts = distributions.into_iter().flat_map(|one| &one.0).filter(|(bound, _)| bound.is_finite());
        let mut counts: Vec<(f64, u64)> = counts.copied().collect();
        counts.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let mut sum = 0;
        for (_, count) in &mut counts {
            sum += *count;
            *count = sum;
        }
        Self(counts)
    }

    pub(in crate::report) fn count(&self) -> u64 {
        self.0.last().map_or(0, |(_, count)| *count)
    }

    pub(in crate::report) fn greatest(&self) -> Option<f64> {
        self.0.last().map(|(bound, _)| *bound)
    }

    /// The bound that this share does not exceed.
    pub(in crate::report) fn within(&self, share: f64) -> Option<f64> {
        self.shares().find(|(_, reached)| *reached >= share - 1e-9).map(|(bound, _)| bound)
    }

    /// Each bound with the share that took no longer.
    fn shares(&self) -> impl Iterator<Item = (f64, f64)> {
        let all = self.count().max(1) as f64;
        self.0.iter().map(move |(bound, count)| (*bound, *count as f64 / all))
    }
}

pub(in crate::report) fn steps(steps: &[Series<Cumulative>]) -> Plot {
    let bounds = steps.iter().flat_map(|one| one.shown.shares().map(|(bound, _)| bound));
    let across = Axis::times(bounds, "round trip, logarithmic");
    let most = steps.iter().map(|one| one.shown.count()).max().unwrap_or_default();
    let up = Axis::nines(most, "share that took no longer");
    let area = Area::new(&across, &up);
    area.plot(steps, |one| one.draw(&area))
}

impl Series<Cumulative> {
    fn draw(&self, area: &Area) -> Markup {
        let reached = MARKED.iter().filter_map(|(name, share)| Some((name, *share, self.shown.within(*share)?)));
        html! {
            (polyline(self.shown.shares().map(|(bound, share)| (area.x(bound), area.y(share)))))
            @for (name, share, bound) in reached {
                g {
                    title { (self.label) ": " (name) " within " (show("ns", bound)) }
                    (self.style.marker(area.x(bound), area.y(share)))
                }
            }
        }
    }
}
