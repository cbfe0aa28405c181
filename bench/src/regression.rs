//! What has become worse since a recorded run, on the same kind of processor.
//!
//! Figures of two runs are never compared as they are: a machine has good days and bad ones. What is compared is a subject of
//! ours as a multiple of each reference of the same run, with the range that the samples of both give, their extremes left out
//! where there are five or more. A ratio has fallen if it lies outside of the recorded range, and the recorded one outside of
//! its range: by more than either spread.

use std::fmt;

use crate::comparison::{reference, references};
use crate::labels;
use crate::model::{Bench, Case, Measurement};
use crate::quantity::{RATIO, Scale};
use crate::statistics::Summary;

/// How subjects of ours begin. The others are what they are held against.
const OURS: &str = "vni";

/// A ratio that is worse than it was.
#[derive(Clone, PartialEq, Debug)]
pub struct Fall {
    /// What was measured, of whom, against whom.
    pub what: String,
    /// The recorded ratio and its range.
    pub then: Summary,
    /// The ratio now.
    pub now: Summary,
}

impl fmt::Display for Fall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = Scale::of(RATIO, self.then.most.max(self.now.most));
        let (then, now) = (scale.describe(self.then), scale.describe(self.now));
        write!(f, "{}: {now}, and it was {then}", self.what)
    }
}

/// What has come of the ratios of a recorded run.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Regression {
    /// How many were measured again.
    pub compared: usize,
    /// Cases of ours that were not.
    pub missing: usize,
    /// Ratios that are worse.
    pub fallen: Vec<Fall>,
}

/// Holds a run against a recorded one.
pub fn regression(then: &Bench, now: &Bench) -> Regression {
    let missing = ours(then).filter(|before| ours(now).all(|one| one.case != before.case)).count();
    let (compared, fallen) = falls(then, now);
    Regression { compared, missing, fallen }
}

fn ours(bench: &Bench) -> impl Iterator<Item = &Measurement> {
    bench.measurements.iter().filter(|one| one.case.subject.starts_with(OURS))
}

fn falls(then: &Bench, now: &Bench) -> (usize, Vec<Fall>) {
    let (mut compared, mut fallen) = (0, Vec::new());
    for (place, ours_now) in ours(now).enumerate() {
        // Two parts of a bench may measure the same.
        let same = |one: &&Measurement| one.case == ours_now.case;
        let number = ours(now).take(place).filter(same).count();
        let Some(before) = ours(then).filter(same).nth(number) else { continue };
        for subject in references(now.setting) {
            let ratios = [(then, before), (now, ours_now)].map(|(bench, ours)| ratio(bench, ours, subject));
            let [Some(then), Some(now)] = ratios else { continue };
            compared += 1;
            if is_worse(&ours_now.case, then, now) {
                let parts = [
                    labels::what(&ours_now.case.what),
                    ours_now.case.subject.clone(),
                    labels::parameters(&ours_now.case.parameters),
                ];
                let what = format!("{}, against {subject}", parts.join(", "));
                fallen.push(Fall { what, then, now });
            }
        }
    }
    (compared, fallen)
}

/// Ours as a multiple of the reference's, with the range that the samples of both allow.
fn ratio(bench: &Bench, ours: &Measurement, subject: &str) -> Option<Summary> {
    let [ours, theirs] = [ours, reference(bench, ours, subject)?].map(|one| without_extremes(&one.samples));
    let (median, least, most) = (ours.median / theirs.median, ours.least / theirs.most, ours.most / theirs.least);
    median.is_finite().then_some(Summary { median, least, most, count: ours.count })
}

fn without_extremes(samples: &[f64]) -> Summary {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    Summary::of(match &sorted[..] {
        [_, middle @ .., _] if middle.len() >= 3 => middle.to_vec(),
        all => all.to_vec(),
    })
}

fn is_worse(case: &Case, then: Summary, now: Summary) -> bool {
    // Times are better if they are shorter, rates if they are higher.
    if case.unit == "ns" {
        now.median > then.most && then.median < now.least
    } else {
        now.median < then.least && then.median > now.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Setting;

    fn bench(ours: &[f64], limit: &[f64], unit: &str) -> Bench {
        let one = |subject: &str, samples: &[f64]| {
            Case::new("frames", subject, unit).with("frame_bytes", 64.0).measured(samples.to_vec())
        };
        let measurements = vec![one("vni", ours), one("limit", limit)];
        Bench::new(Setting::Native, "a run".to_owned(), [], measurements, Vec::new())
    }

    #[test]
    fn a_slower_machine_is_no_fall() {
        let then = bench(&[10.0, 11.0, 12.0], &[20.0], "frames/s");
        assert_eq!(falls(&then, &bench(&[5.0, 5.5, 6.0], &[10.0], "frames/s")), (1, vec![]));
    }

    #[test]
    fn a_case_that_is_measured_twice_is_held_against_its_own() {
        let mut twice = bench(&[10.0, 11.0, 12.0], &[20.0], "frames/s");
        let again = twice.measurements[0].case.clone().measured(vec![5.0, 6.0, 7.0]);
        twice.measurements.insert(1, again);
        assert_eq!(falls(&twice, &twice), (2, vec![]));
    }

    #[test]
    fn what_lies_outside_of_both_ranges_has_fallen() {
        let then = bench(&[10.0, 11.0, 12.0], &[20.0], "frames/s");
        let (_, fallen) = falls(&then, &bench(&[8.0, 9.0, 9.5], &[20.0], "frames/s"));
        let [fall] = &fallen[..] else { panic!("{fallen:?}") };
        let said = fall.to_string();
        assert!(said.starts_with("Frames, vni, 64-byte frames, against limit: 0.45"), "{said}");
        assert_eq!(falls(&then, &bench(&[8.0, 9.0, 11.5], &[20.0], "frames/s")).1, [], "their ranges overlap");
        assert_eq!(falls(&then, &bench(&[20.0, 21.0], &[20.0], "frames/s")).1, [], "it is better");
    }

    #[test]
    fn one_bad_sample_hides_nothing_and_an_unsteady_reference_is_no_fall() {
        let then = bench(&[10.0, 11.0, 12.0, 11.0, 3.0], &[20.0], "frames/s");
        assert_eq!(falls(&then, &bench(&[5.0, 5.0, 5.0], &[20.0], "frames/s")).1.len(), 1);
        let unsteady = bench(&[10.0, 11.0, 12.0], &[10.0, 20.0, 40.0], "frames/s");
        assert_eq!(falls(&unsteady, &bench(&[8.0, 9.0, 9.5], &[20.0], "frames/s")).1, []);
    }

    #[test]
    fn of_times_the_longer_is_the_worse() {
        let then = bench(&[100.0, 110.0], &[50.0], "ns");
        assert_eq!(falls(&then, &bench(&[130.0, 140.0], &[50.0], "ns")).1.len(), 1);
        assert_eq!(falls(&then, &bench(&[70.0, 80.0], &[50.0], "ns")).1, []);
    }

    #[test]
    fn what_only_one_run_has_is_not_compared() {
        let then = bench(&[10.0], &[20.0], "frames/s");
        let mut now = bench(&[1.0], &[20.0], "frames/s");
        now.measurements[0].case = now.measurements[0].case.clone().with("burst", 8.0);
        assert_eq!(regression(&then, &now), Regression { compared: 0, missing: 1, fallen: vec![] });
    }
}
