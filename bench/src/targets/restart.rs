//! The targets of starting a partition again while the others live.

use super::{Filter, Matcher, at_most, ratio, ratio_within_rounds};
use crate::model::Better::Lower;
use crate::model::{Measurement, Target};

/// From an order until the kernel is entered, in nanoseconds.
const OWN_MOST: f64 = 1e9;

/// All targets.
pub fn targets(measurements: &[Measurement]) -> Vec<Target> {
    let find = |what, subject| Matcher(measurements).all(Filter { what, subjects: &[subject], with: &[] }).next();
    let own = |which| find("own-time", which).map(|one| one.summary().median);
    let against_first = || Some(ratio_within_rounds(find("boot", "after-panic")?, find("boot", "first")?));
    vec![
        at_most("a restart's own time, the first since the machine's start", OWN_MOST, "ns", own("first")),
        at_most("a restart's own time, a later one", OWN_MOST, "ns", own("later")),
        ratio("from a panic to user space, against the first boot", Lower, 1.3, against_first()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Case;

    #[test]
    fn each_target_is_met_up_to_its_limit_and_missed_beyond() {
        let of = |what, subject, sample| Case::new(what, subject, "").measured(vec![sample]);
        let is_met = |own, after_panic| {
            let found = targets(&[
                of("own-time", "first", own),
                of("own-time", "later", own),
                of("boot", "first", 10.0),
                of("boot", "after-panic", after_panic),
            ]);
            found.iter().map(Target::is_met).collect::<Vec<_>>()
        };
        assert_eq!(is_met(1e9, 13.0), [Some(true); 3]);
        assert_eq!(is_met(1.1e9, 13.1), [Some(false); 3]);
        assert_eq!(targets(&[]).iter().map(Target::is_met).collect::<Vec<_>>(), [None; 3]);
    }
}
