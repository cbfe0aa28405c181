//! The targets of a boot of several kernels. Ratios are taken within a round, whose two boots ran one after the other.

use super::{Filter, Matcher, at_most, ratio, ratio_within_rounds};
use crate::model::Better::Lower;
use crate::model::{Measurement, Target};

/// Fewer than 4 MiB, in whole pages of 4 KiB.
const RESIDENT_MOST: f64 = 4092.0;

/// All targets.
pub fn targets(measurements: &[Measurement]) -> Vec<Target> {
    let find = |what, subject| Matcher(measurements).all(Filter { what, subjects: &[subject], with: &[] }).next();
    let against_single = |what| Some(ratio_within_rounds(find(what, "box")?, find("boot", "single")?));
    let resident = find("resident", "box").map(|one| one.summary().median);
    vec![
        ratio("the partitioner's own time, against the boot of one kernel", Lower, 0.05, against_single("own-time")),
        ratio("all instances in user space, against the boot of one kernel", Lower, 1.3, against_single("boot")),
        at_most("resident part and tables", RESIDENT_MOST, "KiB", resident),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Case;

    fn targets_of(single: &[f64], all: &[f64], own: &[f64], resident: f64) -> Vec<Target> {
        let of = |what, subject, samples: &[f64]| Case::new(what, subject, "").measured(samples.to_vec());
        targets(&[
            of("boot", "single", single),
            of("boot", "box", all),
            of("own-time", "box", own),
            of("resident", "box", &[resident]),
        ])
    }

    #[test]
    fn ratios_are_taken_within_rounds() {
        // Over the medians it would be 3 to 2. Each round but one says 1.
        let targets = targets_of(&[1.0, 3.0, 2.0], &[1.0, 3.0, 4.0], &[0.01, 0.03, 0.02], 0.0);
        assert_eq!([targets[0].found, targets[1].found], [Some(0.01), Some(1.0)]);
    }

    #[test]
    fn each_target_is_met_up_to_its_limit_and_missed_beyond() {
        let is_met = |targets: Vec<Target>| targets.iter().map(Target::is_met).collect::<Vec<_>>();
        assert_eq!(is_met(targets_of(&[1.0], &[1.3], &[0.05], 4092.0)), [Some(true); 3]);
        assert_eq!(is_met(targets_of(&[1.0], &[1.301], &[0.051], 4096.0)), [Some(false); 3]);
    }
}
