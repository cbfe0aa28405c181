//! The targets of the native bench. Ratios are of medians, whose samples were taken in the same rounds.

use super::{Filter, Matcher, at_most, ratio};
use crate::model::Better::{Higher, Lower};
use crate::model::{Measurement, Target};

/// Frames of the integrity case. Fewer say nothing.
pub const FRAMES: u64 = 100_000_000;

/// The queues of others: the best subject of each project counts.
const QUEUES: [(&[&str], &str); 2] = [(&["rtrb"], "rtrb"), (&["crossbeam", "crossbeam-channel"], "crossbeam")];

/// All targets, in the order in which they are shown.
pub fn targets(measurements: &[Measurement]) -> Vec<Target> {
    let all = Matcher(measurements);
    let mut targets = against_dpdk(all);
    targets.extend(against_the_limit(all));
    targets.extend(hand_off(all));
    targets.extend(against_queues(all));
    targets.extend(doorbells_and_losses(all));
    targets
}

/// Memif copies twice, as we do. One side of vhost-user does not copy: so it is held against the same of ours, too.
fn against_dpdk(all: Matcher<'_>) -> Vec<Target> {
    let best = |subject, with: &[_]| all.best(Filter { what: "frames", subjects: &[subject], with }, Higher);
    let against = |what, ours, theirs, with: &[(&'static str, &'static str)], wanted| {
        let ours = best(ours, &[with, &[("receiver", "polling")]].concat());
        ratio(what, Higher, wanted, quotient(ours, best(theirs, with)))
    };
    let of_32 = [("frame_bytes", "64"), ("burst", "32")];
    let ordinary = [("frame_bytes", "1500")];
    vec![
        against("64-byte frames, against memif, each at its best burst", "vni", "memif", &of_32[..1], 1.3),
        against("64-byte frames, against memif, bursts of 32", "vni", "memif", &of_32, 1.3),
        against("1500-byte frames, against memif, each at its best burst", "vni", "memif", &ordinary, 1.0),
        against("1500-byte frames, against vhost-user, each at its best burst", "vni", "vhost-user", &ordinary, 1.0),
        against(
            "1500-byte frames, filled in place, against vhost-user, each at its best burst",
            "vni-in-place",
            "vhost-user",
            &ordinary,
            1.0,
        ),
    ]
}

/// One for each footprint at which both were measured.
fn against_the_limit(all: Matcher<'_>) -> impl Iterator<Item = Target> {
    let limits = all.all(Filter { what: "frames", subjects: &["limit"], with: &[("frame_bytes", "1500")] });
    let mut footprints: Vec<f64> = limits.filter_map(|one| one.case.number("footprint_bytes")).collect();
    footprints.sort_by(f64::total_cmp);
    footprints.dedup();
    footprints.into_iter().filter_map(move |bytes| {
        let (footprint, what) = (bytes.to_string(), "frames");
        let with = [("frame_bytes", "1500"), ("footprint_bytes", &*footprint)];
        let limit = all.best(Filter { what, subjects: &["limit", "limit-rep-movsb"], with: &with }, Higher);
        let ours = all.best(Filter { what, subjects: &["vni"], with: &with }, Higher)?;
        let what = format!("1500-byte frames, against the two-copy limit, footprint {} KiB", bytes / 1024.0);
        Some(ratio(what, Higher, 0.8, quotient(Some(ours), limit)))
    })
}

fn hand_off(all: Matcher<'_>) -> Vec<Target> {
    let best = |subjects, with| all.best(Filter { what: "hand-off", subjects, with }, Lower);
    let descriptor = |subjects| best(subjects, &[("payload", "descriptor")]);
    let (ours, line) = (descriptor(&["vni"]), best(&["limit-one-writer"], &[]));
    let against = |what: &str, wanted, ours, theirs| ratio(what, Lower, wanted, quotient(ours, theirs));
    let mut targets =
        vec![against("hand-off of a descriptor, against the transfer of a line with one writer", 1.2, ours, line)];
    targets.extend(QUEUES.map(|(subjects, name)| {
        against(&format!("hand-off of a descriptor, against {name}"), 1.0, ours, descriptor(subjects))
    }));
    targets
}

fn against_queues(all: Matcher<'_>) -> impl Iterator<Item = Target> {
    let cases = QUEUES.into_iter().flat_map(|queue| ["1", "8", "32", "128"].map(|burst| (queue, burst)));
    cases.filter_map(move |((subjects, name), burst)| {
        let best = |subjects| all.best(Filter { what: "index", subjects, with: &[("burst", burst)] }, Higher);
        let ours = best(&["vni"])?;
        let what = format!("descriptors alone, against {name}, bursts of {burst}");
        Some(ratio(what, Higher, 1.0, quotient(Some(ours), best(subjects))))
    })
}

fn doorbells_and_losses(all: Matcher<'_>) -> [Target; 3] {
    let floods = Filter { what: "frames", subjects: &["vni"], with: &[("receiver", "sleeping")] };
    let doorbells = all.counters(floods, "doorbells_per_frame").reduce(f64::max);
    let count = FRAMES.to_string();
    let counted = |name| {
        let integrity = Filter { what: "integrity", subjects: &["vni"], with: &[("frames", &count)] };
        all.counters(integrity, name).next()
    };
    [
        at_most("doorbells in a flood to who sleeps", 0.01, "doorbells/frame", doorbells),
        at_most("lost wake-ups over 10⁸ frames", 0.0, "wake-ups", counted("lost_wakeups")),
        at_most("corrupt frames of 10⁸", 0.0, "frames", counted("corrupt_frames")),
    ]
}

fn quotient(ours: Option<f64>, theirs: Option<f64>) -> Option<f64> {
    Some(ours? / theirs?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Case;

    fn frames(subject: &str, frame: f64, burst: f64, median: f64) -> Measurement {
        let case = Case::new("frames", subject, "frames/s").with("frame_bytes", frame).with("burst", burst);
        let case = if subject == "vni" { case.with("receiver", "polling") } else { case };
        case.measured(vec![median])
    }

    fn found(targets: &[Target], start: &str) -> Option<f64> {
        targets.iter().find(|target| target.what.starts_with(start)).expect("there is such a target").found
    }

    #[test]
    fn each_is_taken_at_its_best_burst_and_both_at_the_same() {
        let targets = targets(&[
            frames("vni", 64.0, 32.0, 20.0),
            frames("vni", 64.0, 128.0, 60.0),
            frames("memif", 64.0, 32.0, 40.0),
            frames("memif", 64.0, 64.0, 30.0),
            frames("vni", 1500.0, 32.0, 9.0),
        ]);
        assert_eq!(found(&targets, "64-byte frames, against memif, each"), Some(1.5));
        assert_eq!(found(&targets, "64-byte frames, against memif, bursts of 32"), Some(0.5));
        assert_eq!(found(&targets, "1500-byte frames, against memif"), None, "memif was not measured");
    }

    #[test]
    fn the_limit_is_the_better_of_both_copies_at_the_same_footprint() {
        let frames = |subject, median, bytes: f64| {
            let one = frames(subject, 1500.0, 32.0, median);
            one.case.with("footprint_bytes", bytes).measured(one.samples)
        };
        let targets = targets(&[
            frames("vni", 6.0, 2048.0),
            frames("limit", 8.0, 2048.0),
            frames("limit-rep-movsb", 12.0, 2048.0),
            frames("limit", 8.0, 4096.0),
        ]);
        assert_eq!(found(&targets, "1500-byte frames, against the two-copy limit, footprint 2 KiB"), Some(0.5));
        let compared = targets.iter().filter(|target| target.what.contains("two-copy limit")).count();
        assert_eq!(compared, 1, "we were not measured at 4 KiB");
    }

    #[test]
    fn losses_count_only_over_all_frames() {
        let integrity = |frames: f64, lost| {
            let mut one = Case::new("integrity", "vni", "frames/s").with("frames", frames).measured(vec![1.0]);
            one.counters.insert("lost_wakeups".to_owned(), lost);
            one
        };
        let (short, whole) = (integrity(1e4, 0.0), integrity(1e8, 2.0));
        assert_eq!(found(&targets(std::slice::from_ref(&short)), "lost wake-ups"), None);
        assert_eq!(found(&targets(&[short, whole]), "lost wake-ups"), Some(2.0));
    }
}
