//! What the native bench is to reach, and what it has reached. Ratios are of medians, whose samples were taken in the same
//! rounds.

use cli::bench::model::{Better, Measurement, Parameter, Target};

/// Frames that must all arrive as they were sent.
pub(super) const FRAMES: u64 = 100_000_000;

const SHORT: f64 = 64.0;
const ORDINARY: f64 = 1500.0;

/// What was asked, of whom, with which of the parameters that matter.
#[derive(Clone, Copy)]
struct Asked<'a> {
    what: &'a str,
    subject: &'a str,
    with: &'a [(&'a str, Wanted<'a>)],
}

/// What a parameter must be.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    Number(f64),
    Word(&'a str),
}

impl Wanted<'_> {
    fn is(self, parameter: &Parameter) -> bool {
        match (self, parameter) {
            (Self::Number(wanted), Parameter::Number(found)) => wanted == *found,
            (Self::Word(wanted), Parameter::Word(found)) => wanted == found,
            _ => false,
        }
    }
}

/// All targets, in the order in which they are told.
pub(super) fn targets(measured: &[Measurement]) -> Vec<Target> {
    let found = Found(measured);
    let mut targets = found.against_memif();
    targets.extend(found.against_the_limit());
    targets.extend(found.hand_off());
    targets.extend(found.against_queues());
    targets.extend(found.doorbells_and_losses());
    targets
}

/// What has been measured.
struct Found<'a>(&'a [Measurement]);

impl<'a> Found<'a> {
    fn all<'b>(&'b self, asked: Asked<'b>) -> impl Iterator<Item = &'a Measurement> + use<'a, 'b> {
        self.0.iter().filter(move |one| {
            let has = |(name, wanted): &(&str, Wanted<'_>)| one.parameters.get(*name).is_some_and(|is| wanted.is(is));
            one.what == asked.what && one.subject == asked.subject && asked.with.iter().all(has)
        })
    }

    /// The greatest median of those who were asked.
    fn most(&self, asked: Asked<'_>) -> Option<f64> {
        self.all(asked).map(Measurement::median).reduce(f64::max)
    }

    /// The least.
    fn least(&self, asked: Asked<'_>) -> Option<f64> {
        self.all(asked).map(Measurement::median).reduce(f64::min)
    }

    fn against_memif(&self) -> Vec<Target> {
        let frames = |subject, with: &[_]| self.most(Asked { what: "frames", subject, with });
        let polling = ("receiver", Wanted::Word("polling"));
        let against = |what: &str, frame: f64, burst: Option<f64>, wanted: f64| {
            let mut with = vec![("frame_bytes", Wanted::Number(frame))];
            with.extend(burst.map(|burst| ("burst", Wanted::Number(burst))));
            let memif = frames("memif", &with);
            with.push(polling);
            ratio(what, frames("vni", &with), memif, wanted, Better::Higher)
        };
        vec![
            against("64-byte frames, against memif, each at its best burst", SHORT, None, 1.3),
            against("64-byte frames, against memif, bursts of 32", SHORT, Some(32.0), 1.3),
            against("1500-byte frames, against memif, each at its best burst", ORDINARY, None, 1.0),
        ]
    }

    /// At every footprint at which the limit was measured.
    fn against_the_limit(&self) -> Vec<Target> {
        let frame = ("frame_bytes", Wanted::Number(ORDINARY));
        let of_frame = [frame];
        let limits = self.all(Asked { what: "frames", subject: "limit", with: &of_frame });
        let footprint = |one: &Measurement| match one.parameters.get("footprint_bytes") {
            Some(Parameter::Number(bytes)) => Some(*bytes),
            _ => None,
        };
        let mut footprints: Vec<f64> = limits.filter_map(footprint).collect();
        footprints.sort_by(f64::total_cmp);
        footprints.dedup();
        let target = |bytes: f64| {
            let with = [frame, ("footprint_bytes", Wanted::Number(bytes))];
            let most = |subject| self.most(Asked { what: "frames", subject, with: &with });
            let limit = most("limit").into_iter().chain(most("limit-rep-movsb")).reduce(f64::max);
            let what = format!("1500-byte frames, against the two-copy limit, footprint {} KiB", bytes / 1024.0);
            ratio(&what, most("vni"), limit, 0.8, Better::Higher)
        };
        footprints.into_iter().map(target).collect()
    }

    fn hand_off(&self) -> Vec<Target> {
        let least = |subject, with: &[_]| self.least(Asked { what: "hand-off", subject, with });
        let line = least("limit", &[]);
        let of = |payload| [("payload", Wanted::Word(payload))];
        let target = |what, payload| ratio(what, least("vni", &of(payload)), line, 1.3, Better::Lower);
        let mut targets = vec![
            target("hand-off of a descriptor, against the transfer of a cache line", "descriptor"),
            target("hand-off of a 64-byte frame, against the transfer of a cache line", "frame"),
            ratio(
                "hand-off of a descriptor, against the transfer of a line with one writer",
                least("vni", &of("descriptor")),
                least("limit-one-writer", &[]),
                1.3,
                Better::Lower,
            ),
        ];
        for (subjects, name) in QUEUES {
            let best = subjects.iter().filter_map(|subject| least(subject, &of("descriptor"))).reduce(f64::min);
            let what = format!("hand-off of a descriptor, against {name}");
            targets.push(ratio(&what, least("vni", &of("descriptor")), best, 1.0, Better::Lower));
        }
        targets
    }

    fn against_queues(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        for (subjects, name) in QUEUES {
            for burst in [1.0, 8.0, 32.0, 128.0] {
                let with = [("burst", Wanted::Number(burst))];
                let most = |subject| self.most(Asked { what: "index", subject, with: &with });
                let Some(vni) = most("vni") else { continue };
                let best = subjects.iter().filter_map(|subject| most(subject)).reduce(f64::max);
                let what = format!("descriptors alone, against {name}, bursts of {burst}");
                targets.push(ratio(&what, Some(vni), best, 1.0, Better::Higher));
            }
        }
        targets
    }

    fn doorbells_and_losses(&self) -> Vec<Target> {
        let sleeping = [("receiver", Wanted::Word("sleeping"))];
        let floods = self.all(Asked { what: "frames", subject: "vni", with: &sleeping });
        let doorbells = floods.filter_map(|one| one.beside.get("doorbells_per_frame").copied()).reduce(f64::max);
        let numbered = [("frames", Wanted::Number(FRAMES as f64))];
        let integrity = self.all(Asked { what: "integrity", subject: "vni", with: &numbered }).next();
        let counted = |name: &str| integrity.and_then(|one| one.beside.get(name).copied());
        let at_most = |what: &str, found, wanted, unit: &str| Target {
            what: what.to_owned(),
            wanted,
            better: Better::Lower,
            found,
            unit: unit.to_owned(),
        };
        vec![
            at_most("doorbells in a flood to who sleeps", doorbells, 0.01, "doorbells/frame"),
            at_most("lost wake-ups over 10⁸ frames", counted("lost_wakeups"), 0.0, "wake-ups"),
            at_most("corrupt frames of 10⁸", counted("corrupt_frames"), 0.0, "frames"),
        ]
    }
}

/// Other queues: whoever of one house is the best, and the name of the house.
const QUEUES: [(&[&str], &str); 2] = [(&["rtrb"], "rtrb"), (&["crossbeam", "crossbeam-channel"], "crossbeam")];

fn ratio(what: &str, ours: Option<f64>, theirs: Option<f64>, wanted: f64, better: Better) -> Target {
    let found = ours.zip(theirs).map(|(ours, theirs)| ours / theirs);
    Target { what: what.to_owned(), wanted, better, found, unit: "ratio".to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn measured(what: &str, subject: &str, parameters: &[(&str, Parameter)], median: f64) -> Measurement {
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Measurement {
            what: what.to_owned(),
            subject: subject.to_owned(),
            pair: None,
            parameters,
            unit: "frames/s".to_owned(),
            samples: vec![median],
            discarded: 0,
            beside: BTreeMap::new(),
            distribution: Vec::new(),
        }
    }

    fn frames(subject: &str, frame: f64, burst: f64, median: f64) -> Measurement {
        let mut one = measured("frames", subject, &[], median);
        one.parameters.insert("frame_bytes".to_owned(), Parameter::Number(frame));
        one.parameters.insert("burst".to_owned(), Parameter::Number(burst));
        if subject == "vni" {
            one.parameters.insert("receiver".to_owned(), Parameter::Word("polling".to_owned()));
        }
        one
    }

    fn found(targets: &[Target], begins: &str) -> Option<f64> {
        targets.iter().find(|target| target.what.starts_with(begins)).expect("there is such a target").found
    }

    #[test]
    fn each_is_taken_at_its_best_burst_and_both_at_the_same() {
        let all = [
            frames("vni", 64.0, 32.0, 20.0),
            frames("vni", 64.0, 128.0, 60.0),
            frames("memif", 64.0, 32.0, 40.0),
            frames("memif", 64.0, 64.0, 30.0),
            frames("vni", 1500.0, 32.0, 9.0),
        ];
        let targets = targets(&all);
        assert_eq!(found(&targets, "64-byte frames, against memif, each"), Some(1.5));
        assert_eq!(found(&targets, "64-byte frames, against memif, bursts of 32"), Some(0.5));
        assert_eq!(found(&targets, "1500-byte frames, against memif"), None, "memif was not measured");
    }

    #[test]
    fn the_limit_is_the_better_of_both_copies_at_the_same_footprint() {
        let footprint = |mut one: Measurement, bytes| {
            one.parameters.insert("footprint_bytes".to_owned(), Parameter::Number(bytes));
            one
        };
        let all = [
            footprint(frames("vni", 1500.0, 32.0, 6.0), 2048.0),
            footprint(frames("limit", 1500.0, 32.0, 8.0), 2048.0),
            footprint(frames("limit-rep-movsb", 1500.0, 32.0, 12.0), 2048.0),
            footprint(frames("limit", 1500.0, 32.0, 8.0), 4096.0),
        ];
        let targets = targets(&all);
        assert_eq!(found(&targets, "1500-byte frames, against the two-copy limit, footprint 2 KiB"), Some(0.5));
        assert_eq!(found(&targets, "1500-byte frames, against the two-copy limit, footprint 4 KiB"), None);
    }

    #[test]
    fn losses_count_only_over_all_frames() {
        let mut short = measured("integrity", "vni", &[("frames", Parameter::Number(1e4))], 1.0);
        short.beside.insert("lost_wakeups".to_owned(), 0.0);
        let mut whole = measured("integrity", "vni", &[("frames", Parameter::Number(1e8))], 1.0);
        whole.beside.insert("lost_wakeups".to_owned(), 2.0);
        assert_eq!(found(&targets(std::slice::from_ref(&short)), "lost wake-ups"), None);
        let targets = targets(&[short, whole]);
        assert_eq!(found(&targets, "lost wake-ups"), Some(2.0));
        let target = targets.iter().find(|target| target.what.starts_with("lost")).unwrap();
        assert_eq!(target.is_met(), Some(false));
    }
}
