//! How many round trips took no longer than that: cumulative, with more room for the few slow ones.

use maud::{Markup, html};

use super::axis::Axis;
use super::look::Look;
use super::{Area, HEIGHT, Told, drawing, px};
use crate::bench::quantity::show;

/// The shares that are marked, and told in numbers.
pub(crate) const MARKED: [(&str, f64); 4] = [("half", 0.5), ("90 %", 0.9), ("99 %", 0.99), ("99.9 %", 0.999)];

/// One who was asked.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Steps {
    pub(crate) label: String,
    pub(crate) look: Look,
    pub(crate) distribution: Distribution,
}

/// How many took how long, as (upper bound in nanoseconds, count).
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Distribution(Vec<(f64, u64)>);

impl Distribution {
    /// Of counts in any order, those of the same bound together.
    pub(crate) fn new(counts: impl IntoIterator<Item = (f64, u64)>) -> Self {
        let mut counts: Vec<(f64, u64)> = counts.into_iter().filter(|(bound, _)| bound.is_finite()).collect();
        counts.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        Self(counts)
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// What that share took at most.
    pub(crate) fn within(&self, share: f64) -> Option<f64> {
        self.shares().find(|(_, reached)| *reached >= share - 1e-9).map(|(bound, _)| bound)
    }

    /// The slowest.
    pub(crate) fn greatest(&self) -> Option<f64> {
        self.0.last().map(|(bound, _)| *bound)
    }

    /// Each bound with the share that took no longer.
    fn shares(&self) -> impl Iterator<Item = (f64, f64)> {
        let all = self.count().max(1) as f64;
        self.0.iter().scan(0, move |sum, (bound, count)| {
            *sum += count;
            Some((*bound, *sum as f64 / all))
        })
    }
}

/// The plot.
pub(crate) fn steps(told: &Told, steps: &[Steps]) -> Markup {
    let bounds = steps.iter().flat_map(|one| one.distribution.0.iter().map(|(bound, _)| *bound));
    let across = Axis::times(bounds, "round trip, logarithmic");
    let most = steps.iter().map(|one| one.distribution.count()).max().unwrap_or_default();
    let up = Axis::nines(most, "share that took no longer");
    let area = Area::new(&across, &up);
    let content = html! {
        (area.frame())
        @for one in steps.iter().rev() {
            g class=(one.look.class()) { (one.draw(&area)) }
        }
    };
    drawing(told, HEIGHT, &content)
}

impl Steps {
    fn draw(&self, area: &Area) -> Markup {
        let corners: Vec<String> = self
            .distribution
            .shares()
            .map(|(bound, share)| format!("{},{}", px(area.x(bound)), px(area.y(share))))
            .collect();
        let reached = MARKED.iter().filter_map(|(name, share)| Some((name, *share, self.distribution.within(*share)?)));
        html! {
            polyline.median points=(corners.join(" ")) {}
            @for (name, share, bound) in reached {
                g {
                    title { (self.label) ": " (name) " within " (show("ns", bound)) }
                    (self.look.marker(area.x(bound), area.y(share)))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_reached_at_the_bound_that_holds_it() {
        let distribution = Distribution::new([(200.0, 40), (100.0, 50), (900.0, 10)]);
        assert_eq!(
            [0.5, 0.51, 0.9, 1.0].map(|share| distribution.within(share)),
            [100.0, 200.0, 200.0, 900.0].map(Some)
        );
        assert_eq!((distribution.count(), distribution.greatest()), (100, Some(900.0)));
        assert_eq!(Distribution::new([]).within(0.5), None);
    }
}
