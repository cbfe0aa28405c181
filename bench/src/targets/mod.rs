//! Targets: what a bench is to reach, and what it has reached. [`boxes`], [`boot`], [`restart`] and [`native`] are the tables; here is
//! how all find their figures among measurements.

pub mod boot;
pub mod boxes;
pub mod native;
pub mod restart;

use crate::model::{Better, Measurement, Target};
use crate::quantity::RATIO;
use crate::statistics::Summary;

/// Some measurements: one thing of some subjects, with some of its parameters.
#[derive(Clone, Copy)]
struct Filter<'a> {
    what: &'a str,
    subjects: &'a [&'a str],
    /// Names, and values as they are shown.
    with: &'a [(&'a str, &'a str)],
}

#[derive(Clone, Copy)]
struct Matcher<'a>(&'a [Measurement]);

impl<'a> Matcher<'a> {
    fn all<'b>(self, filter: Filter<'b>) -> impl Iterator<Item = &'a Measurement> + use<'a, 'b> {
        self.0.iter().filter(move |Measurement { case, .. }| {
            let has =
                |(name, value): &(&str, &str)| case.parameters.get(*name).is_some_and(|is| is.to_string() == *value);
            case.what == filter.what && filter.subjects.contains(&&*case.subject) && filter.with.iter().all(has)
        })
    }

    fn best(self, filter: Filter<'_>, better: Better) -> Option<f64> {
        let medians = self.all(filter).map(|one| one.summary().median);
        medians.reduce(match better {
            Better::Higher => f64::max,
            Better::Lower => f64::min,
        })
    }

    /// A counter of all those that have it.
    fn counters(self, filter: Filter<'_>, name: &str) -> impl Iterator<Item = f64> {
        self.all(filter).filter_map(move |one| one.counters.get(name).copied())
    }
}

/// The median of the ratios within rounds: samples of one round were taken one after the other, so what slows the host for
/// a while slows both.
fn ratio_within_rounds(ours: &Measurement, theirs: &Measurement) -> f64 {
    if ours.samples.len() != theirs.samples.len() {
        return ours.summary().median / theirs.summary().median;
    }
    Summary::of(ours.samples.iter().zip(&theirs.samples).map(|(ours, theirs)| ours / theirs)).median
}

fn ratio(what: impl Into<String>, better: Better, wanted: f64, found: Option<f64>) -> Target {
    Target { what: what.into(), wanted, better, found, unit: RATIO.to_owned() }
}

fn at_most(what: &str, wanted: f64, unit: &str, found: Option<f64>) -> Target {
    Target { what: what.to_owned(), wanted, better: Better::Lower, found, unit: unit.to_owned() }
}
