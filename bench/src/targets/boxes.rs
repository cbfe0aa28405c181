//! The targets of a box: those of issue 4, and of issue 5 for devices.

use super::{Filter, Matcher, at_most, ratio, ratio_within_rounds};
use crate::labels;
use crate::model::Better::{Higher, Lower};
use crate::model::{Measurement, Target};

/// Fewer checked frames say nothing about corruption.
const CHECKED_LEAST: f64 = 1e6;
/// What a device must reach in a partition, of what it reaches with the same kernel alone.
const OF_ALONE_LEAST: f64 = 0.95;

const TCP: Filter = Filter { what: "tcp", subjects: &[], with: &[("offload", "on"), ("direction", "one-way")] };
const TCP_PAPER: Filter = Filter { with: &[("offload", "off"), ("direction", "one-way")], ..TCP };
const UDP: Filter = Filter { what: "udp", subjects: &[], with: &[("direction", "one-way")] };
const FRAMES: Filter =
    Filter { what: "frames", subjects: &[], with: &[("frame_bytes", "1514"), ("direction", "one-way")] };
const ROUND_TRIP: Filter = Filter { what: "round-trip", subjects: &[], with: &[("receiver", "sleeping")] };

/// The targets of all that was measured. A target that could not be measured is listed too.
pub fn targets(measurements: &[Measurement]) -> Vec<Target> {
    let all = Matcher(measurements);
    let paths = if measurements.iter().any(|one| one.case.subject == "vni") { paths(all) } else { Vec::new() };
    paths.into_iter().chain(devices(all)).collect()
}

fn paths(all: Matcher<'_>) -> Vec<Target> {
    // The first: of several pairs, the one with all cases.
    let first = |filter, subject: &str| all.all(Filter { subjects: &[subject], ..filter }).next();
    let against = |filter, other| Some(ratio_within_rounds(first(filter, "vni")?, first(filter, other)?));
    let counter = |filter, subject, name: &str| first(filter, subject)?.counters.get(name).copied();
    let more_loss = counter(UDP, "vni", "loss").zip(counter(UDP, "veth", "loss")).map(|(vni, veth)| vni - veth);
    let sum = |name: &str, is_of: &dyn Fn(&str) -> bool| {
        let of_subject = all.0.iter().filter(|one| is_of(&one.case.subject));
        of_subject.filter_map(|one| one.counters.get(name)).copied().reduce(|sum, count| sum + count)
    };
    let [corrupt, checked] = ["corrupt_frames", "checked_frames"].map(|name| sum(name, &|subject| subject == "vni"));
    // A corrupt frame is one too many, however few were checked.
    let corrupt = corrupt.filter(|corrupt| *corrupt > 0.0 || checked.is_some_and(|checked| checked >= CHECKED_LEAST));
    vec![
        ratio(
            "TCP with offload, against the same kernel's loopback on one core",
            Higher,
            1.0,
            against(TCP, "loopback"),
        ),
        ratio("UDP of 1,472 bytes, against veth", Higher, 1.0, against(UDP, "veth")),
        at_most("UDP of 1,472 bytes: share that is lost, beyond that over veth", 0.0, "of all sent", more_loss),
        ratio("TCP with offload, against virtio-net over a socket", Higher, 1.5, against(TCP, "virtio-net")),
        ratio("UDP of 1,472 bytes, against virtio-net over a socket", Higher, 1.5, against(UDP, "virtio-net")),
        ratio("round trip, sleeping, against virtio-net over a socket", Lower, 1.5, against(ROUND_TRIP, "virtio-net")),
        ratio("TCP in paper mode, against veth without offload", Higher, 1.3, against(TCP_PAPER, "veth")),
        at_most("lost wake-ups", 0.0, "wake-ups", sum("lost_wakeups", &|_| true)),
        at_most("corrupt frames, of at least 10^6", 0.0, "frames", corrupt),
        at_most(
            "doorbells in a flood of 1,514-byte frames",
            0.01,
            "doorbells/frame",
            counter(FRAMES, "vni", "doorbells_per_frame"),
        ),
    ]
}

/// One for each case of a device in a partition.
fn devices(all: Matcher<'_>) -> impl Iterator<Item = Target> {
    all.0.iter().filter(|one| one.case.subject == "partition").map(move |partition| {
        let case = &partition.case;
        let alone = all.all(Filter { what: &case.what, subjects: &["alone"], with: &[] });
        let alone = alone.into_iter().find(|alone| alone.case.parameters == case.parameters);
        let (what, with) = (labels::what(&case.what), labels::parameters(&case.parameters));
        let found = alone.map(|alone| ratio_within_rounds(partition, alone));
        ratio(format!("{what}, {with}, against the same kernel alone"), Higher, OF_ALONE_LEAST, found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Case;

    fn measured(filter: Filter, subject: &str, samples: &[f64], counters: &[(&str, f64)]) -> Measurement {
        let value = |text: &str| text.parse().map_or(serde_json::json!(text), |number: f64| serde_json::json!(number));
        let case = Case::new(filter.what, subject, "");
        let case = filter.with.iter().fold(case, |case, (name, text)| case.with(name, value(text)));
        let counters = counters.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Measurement { counters, ..case.measured(samples.to_vec()) }
    }

    fn found(targets: &[Target], word: &str) -> Option<f64> {
        targets.iter().find(|target| target.what.contains(word)).unwrap().found
    }

    #[test]
    fn no_corrupt_frame_among_few_says_nothing() {
        let flood = |corrupt, checked| {
            let counters = [("corrupt_frames", corrupt), ("checked_frames", checked), ("doorbells_per_frame", 0.25)];
            targets(&[measured(FRAMES, "vni", &[1.0], &counters)])
        };
        assert_eq!(found(&flood(0.0, 999_999.0), "corrupt"), None);
        assert_eq!(found(&flood(0.0, 1e6), "corrupt"), Some(0.0));
        assert_eq!(found(&flood(1.0, 5.0), "corrupt"), Some(1.0));
        assert_eq!(found(&flood(0.0, 1e6), "doorbells"), Some(0.25));
    }

    #[test]
    fn loss_is_compared_with_that_of_veth() {
        let udp = |subject, loss| measured(UDP, subject, &[1.0], &[("loss", loss)]);
        let targets = targets(&[udp("vni", 0.25), udp("veth", 0.5)]);
        assert_eq!(found(&targets, "share that is lost"), Some(-0.25));
    }
}
