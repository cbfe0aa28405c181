//! What a bench of a box is held against: the targets of issue 4, and of issue 5 for devices, as ratios within the same run.
//!
//! Samples of one round were taken one behind the other, so ratios are taken within rounds, and the median is over them:
//! what slows the host for a while slows both.

use super::model::{Better, Measurement, Parameter, Target, median};
use super::words;

/// So many frames must have been checked until "none corrupt" says something.
const CHECKED_LEAST: f64 = 1e6;
/// So much of what a kernel reaches alone it is to reach in a partition.
const OF_ALONE_LEAST: f64 = 0.95;

/// A question: what, and the words and numbers that tell it from others.
type Question<'a> = (&'a str, &'a [(&'a str, &'a str)]);

const TCP: Question = ("tcp", &[("offload", "on"), ("direction", "one-way")]);
const TCP_PAPER: Question = ("tcp", &[("offload", "off"), ("direction", "one-way")]);
const UDP: Question = ("udp", &[("direction", "one-way")]);
const FLOOD: Question = ("frames", &[("frame_bytes", "1514"), ("direction", "one-way")]);
const ROUND_TRIP: Question = ("round-trip", &[("receiver", "sleeping")]);

/// All of them that concern what was asked; what could not be measured is told too.
pub(super) fn of(measurements: &[Measurement]) -> Vec<Target> {
    let all = All(measurements);
    let paths = if all.0.iter().any(|one| one.subject == "vni") { of_paths(&all) } else { Vec::new() };
    paths.into_iter().chain(all.devices()).collect()
}

fn of_paths(all: &All<'_>) -> Vec<Target> {
    let ratio = |what: &str, question, subject, better, wanted| Target {
        what: what.to_owned(),
        wanted,
        better,
        found: all.ratio(question, subject),
        unit: "ratio".to_owned(),
    };
    let at_most = |what: &str, wanted, found, unit: &str| Target {
        what: what.to_owned(),
        wanted,
        better: Better::Lower,
        found,
        unit: unit.to_owned(),
    };
    let more_loss = all.loss("vni").zip(all.loss("veth")).map(|(vni, veth)| vni - veth);
    use Better::{Higher, Lower};
    vec![
        ratio("TCP with offload, against the same kernel's loopback on one core", TCP, "loopback", Higher, 1.0),
        ratio("UDP of 1,472 bytes, against veth", UDP, "veth", Higher, 1.0),
        at_most("UDP of 1,472 bytes: share that is lost, beyond that over veth", 0.0, more_loss, "of all sent"),
        ratio("TCP with offload, against virtio-net over a socket", TCP, "virtio-net", Higher, 1.5),
        ratio("UDP of 1,472 bytes, against virtio-net over a socket", UDP, "virtio-net", Higher, 1.5),
        ratio("round trip, sleeping, against virtio-net over a socket", ROUND_TRIP, "virtio-net", Lower, 1.5),
        ratio("TCP in paper mode, against veth without offload", TCP_PAPER, "veth", Higher, 1.3),
        at_most("lost wake-ups", 0.0, all.sum("lost_wakeups"), "wake-ups"),
        at_most("corrupt frames, of at least 10^6", 0.0, all.corrupt(), "frames"),
        at_most("doorbells in a flood of 1,514-byte frames", 0.01, all.doorbells(), "doorbells/frame"),
    ]
}

struct All<'a>(&'a [Measurement]);

impl All<'_> {
    /// The virtual Ethernet's to the other's.
    fn ratio(&self, question: Question<'_>, other: &str) -> Option<f64> {
        Some(ratio(self.find(question, "vni")?, self.find(question, other)?))
    }

    /// One for each question to a device in a partition; none of a box without devices.
    fn devices(&self) -> impl Iterator<Item = Target> {
        let asked = self.0.iter().filter(|measurement| measurement.subject == "partition");
        asked.map(|partition| {
            let is_same = |other: &&Measurement| {
                let same_question = other.what == partition.what && other.parameters == partition.parameters;
                other.subject == "alone" && same_question
            };
            let (what, with) = (words::what(&partition.what), words::parameters(&partition.parameters));
            Target {
                what: format!("{what}, {with}, against the same kernel alone"),
                wanted: OF_ALONE_LEAST,
                better: Better::Higher,
                found: self.0.iter().find(is_same).map(|alone| ratio(partition, alone)),
                unit: "ratio".to_owned(),
            }
        })
    }

    /// The first: of several pairs, that which is asked everything.
    fn find(&self, (what, parameters): Question<'_>, subject: &str) -> Option<&Measurement> {
        let fits = |measurement: &&Measurement| {
            let has =
                |(name, value): &(&str, &str)| measurement.parameters.get(*name).map(text) == Some((*value).to_owned());
            measurement.what == what && measurement.subject == subject && parameters.iter().all(has)
        };
        self.0.iter().find(fits)
    }

    fn loss(&self, subject: &str) -> Option<f64> {
        self.find(UDP, subject)?.beside.get("loss").copied()
    }

    /// Of something that is counted, over all measurements that count it.
    fn sum(&self, name: &str) -> Option<f64> {
        let counts: Vec<f64> = self.0.iter().filter_map(|measurement| measurement.beside.get(name).copied()).collect();
        (!counts.is_empty()).then(|| counts.iter().sum())
    }

    /// Of frames over the virtual Ethernet; a frame that is corrupt is one too many however few were checked.
    fn corrupt(&self) -> Option<f64> {
        let vni: Vec<Measurement> = self.0.iter().filter(|measurement| measurement.subject == "vni").cloned().collect();
        let (corrupt, checked) = (All(&vni).sum("corrupt_frames")?, All(&vni).sum("checked_frames")?);
        (corrupt > 0.0 || checked >= CHECKED_LEAST).then_some(corrupt)
    }

    fn doorbells(&self) -> Option<f64> {
        self.find(FLOOD, "vni")?.beside.get("doorbells_per_frame").copied()
    }
}

/// How many times the other's one is.
fn ratio(one: &Measurement, other: &Measurement) -> f64 {
    if one.samples.len() != other.samples.len() {
        return one.median() / other.median();
    }
    let ratios: Vec<f64> = one.samples.iter().zip(&other.samples).map(|(one, other)| one / other).collect();
    median(&ratios)
}

fn text(parameter: &Parameter) -> String {
    match parameter {
        Parameter::Number(number) => number.to_string(),
        Parameter::Word(word) => word.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn measured(
        (what, parameters): Question<'_>,
        subject: &str,
        samples: &[f64],
        beside: &[(&str, f64)],
    ) -> Measurement {
        let parameter = |value: &str| value.parse().map_or(Parameter::Word(value.to_owned()), Parameter::Number);
        Measurement {
            what: what.to_owned(),
            subject: subject.to_owned(),
            pair: None,
            parameters: parameters.iter().map(|(name, value)| ((*name).to_owned(), parameter(value))).collect(),
            unit: String::new(),
            samples: samples.to_vec(),
            discarded: 0,
            beside: beside.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect::<BTreeMap<_, _>>(),
            distribution: Vec::new(),
        }
    }

    fn found(targets: &[Target], word: &str) -> Option<f64> {
        targets.iter().find(|target| target.what.contains(word)).unwrap().found
    }

    #[test]
    fn ratios_are_taken_within_rounds() {
        // Over the medians it would be 4 to 2: each round says 3, but for one.
        let vni = measured(TCP, "vni", &[3.0, 4.0, 9.0], &[]);
        let loopback = measured(TCP, "loopback", &[1.0, 2.0, 3.0], &[]);
        let targets = of(&[measured(TCP_PAPER, "vni", &[7.0], &[]), vni, loopback]);
        assert_eq!(found(&targets, "loopback"), Some(3.0));
        assert_eq!(found(&targets, "paper mode"), None);
    }

    #[test]
    fn each_device_is_held_against_itself_alone() {
        let read = |device| ("disk", vec![("request_bytes", "4096"), ("device", device)]);
        let reads = |device, subject, samples: &[f64]| {
            let (what, parameters) = read(device);
            measured((what, &parameters), subject, samples, &[])
        };
        let one = [reads("nvme", "partition", &[9.0, 2.0, 3.0]), reads("nvme", "alone", &[10.0, 4.0, 3.0])];
        let other = [reads("sata", "partition", &[1.0])];
        let targets = of(&[one.as_slice(), &other].concat());
        let told = "Disk, request 4096 bytes, nvme, against the same kernel alone";
        assert_eq!(targets.iter().find(|target| target.what == told).unwrap().is_met(), Some(false));
        assert_eq!((found(&targets, "nvme"), found(&targets, "sata")), (Some(0.9), None));
        let without = of(&[measured(TCP, "vni", &[1.0], &[])]);
        assert!(!without.iter().any(|target| target.what.contains("alone")), "{without:?}");
    }

    #[test]
    fn none_corrupt_says_nothing_of_few_frames() {
        let flood = |corrupt, checked| {
            let beside = [("corrupt_frames", corrupt), ("checked_frames", checked), ("doorbells_per_frame", 0.25)];
            of(&[measured(FLOOD, "vni", &[1.0], &beside)])
        };
        assert_eq!(found(&flood(0.0, 999_999.0), "corrupt"), None);
        assert_eq!(found(&flood(0.0, 1e6), "corrupt"), Some(0.0));
        assert_eq!(found(&flood(1.0, 5.0), "corrupt"), Some(1.0));
        assert_eq!(found(&flood(0.0, 1e6), "doorbells"), Some(0.25));
    }

    #[test]
    fn loss_is_held_against_that_of_veth() {
        let udp = |subject, loss| measured(UDP, subject, &[1.0], &[("loss", loss)]);
        let targets = of(&[udp("vni", 0.25), udp("veth", 0.5)]);
        assert_eq!(found(&targets, "share that is lost"), Some(-0.25));
        assert_eq!(targets.iter().find(|target| target.what.contains("share")).unwrap().is_met(), Some(true));
    }
}
