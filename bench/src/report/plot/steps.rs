//! Cumulative distributions of round trips, with more room for the few slow ones.

use bench_agent::Distribution;
use maud::{Markup, html};

use super::axis::Axis;
use super::canvas::{Area, Plot, polyline};
use super::style::Series;
use crate::quantity::show;

/// The shares that are marked, and listed in numbers.
pub(in crate::report) const MARKED: [(&str, f64); 4] =
    [("half", 0.5), ("90 %", 0.9), ("99 %", 0.99), ("99.9 %", 0.999)];

/// Bounds in nanoseconds, ascending, each with the number of those that took no longer.
pub(in crate::report) struct Cumulative(Vec<(f64, u64)>);

impl Cumulative {
    /// All of these together.
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

    /// The slowest.
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
