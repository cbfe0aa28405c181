//! Measurements that can be compared, and the references with which they are.

use crate::labels;
use crate::model::{Bench, Measurement, Pair, Parameters, Setting};

/// What was measured with the same parameters, of several subjects.
#[derive(Clone, Debug)]
pub(crate) struct ComparisonGroup<'a> {
    pub(crate) what: &'a str,
    pub(crate) unit: &'a str,
    /// The same for all.
    pub(crate) parameters: &'a Parameters,
    /// In the order of the bench; never empty.
    pub(crate) members: Vec<&'a Measurement>,
}

impl ComparisonGroup<'_> {
    pub(crate) fn title(&self) -> String {
        let parts = [labels::what(self.what), labels::parameters(self.parameters)];
        parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn greatest(&self) -> f64 {
        self.members.iter().map(|member| member.summary().most).fold(0.0, f64::max)
    }
}

/// The groups, in the order in which they first appear.
pub(crate) fn groups<'a>(measurements: impl IntoIterator<Item = &'a Measurement>) -> Vec<ComparisonGroup<'a>> {
    let key = |one: &&'a Measurement| (&*one.case.what, &*one.case.unit, &one.case.parameters);
    let groups = grouped(measurements, key).into_iter();
    groups.map(|((what, unit, parameters), members)| ComparisonGroup { what, unit, parameters, members }).collect()
}

/// Things with the same key together, in the order in which the keys first appear.
pub(crate) fn grouped<T, K: PartialEq>(all: impl IntoIterator<Item = T>, key: impl Fn(&T) -> K) -> Vec<(K, Vec<T>)> {
    let mut groups: Vec<(K, Vec<T>)> = Vec::new();
    for one in all {
        let key = key(&one);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => members.push(one),
            None => groups.push((key, vec![one])),
        }
    }
    groups
}

/// The subjects with which the others are compared.
pub(crate) fn references(setting: Setting) -> &'static [&'static str] {
    match setting {
        Setting::Box => &["loopback", "veth", "virtio-net", "alone", "cards"],
        Setting::Native => &["limit", "memif", "vhost-user", "rtrb", "crossbeam"],
        Setting::Tap => &["veth"],
        Setting::Boot => &["single"],
    }
}

/// The measurement of `subject` with which to compare `measurement`. A parameter that `subject` does not have means nothing
/// to it: that measurement counts for every value. Of several, the one of the same pair is taken, then one from the same
/// partition.
pub(crate) fn reference<'a>(bench: &'a Bench, measurement: &Measurement, subject: &str) -> Option<&'a Measurement> {
    let case = &measurement.case;
    let is_comparable = |other: &&Measurement| {
        let same = |(name, value)| case.parameters.get(name) == Some(value);
        let other = &other.case;
        let is_same_thing = other.what == case.what && other.unit == case.unit;
        other.subject == subject && is_same_thing && other.parameters.iter().all(same)
    };
    let sender = |pair: &Option<Pair>| pair.as_ref().map(|pair| pair.from.clone());
    let nearness = |other: &&Measurement| {
        let other = &other.case;
        (other.parameters.len(), other.pair == case.pair, sender(&other.pair) == sender(&case.pair))
    };
    // The first of equals: `max_by_key` takes the last.
    bench.measurements.iter().rev().filter(is_comparable).max_by_key(nearness)
}

/// The median as a multiple of the reference's; `None` for the reference itself.
pub(crate) fn ratio(bench: &Bench, measurement: &Measurement, subject: &str) -> Option<f64> {
    if measurement.case.subject == subject {
        return None;
    }
    let ratio = measurement.summary().median / reference(bench, measurement, subject)?.summary().median;
    ratio.is_finite().then_some(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    fn find<'a>(bench: &'a Bench, what: &str, subject: &str) -> &'a Measurement {
        let is_it = |one: &&Measurement| one.case.what == what && one.case.subject == subject;
        bench.measurements.iter().find(is_it).unwrap()
    }

    #[test]
    fn a_reference_counts_for_its_own_parameters_only() {
        let mut bench = fixtures::made_up_box();
        let vni = find(&bench, "tcp", "vni").clone();
        bench.measurements.retain(|measurement| measurement.case.subject == "loopback");
        for measurement in &mut bench.measurements {
            measurement.case = measurement.case.clone().with("offload", "sideways");
        }
        assert_eq!(reference(&bench, &vni, "loopback"), None);
    }

    #[test]
    fn the_reference_of_the_same_partition_is_taken() {
        let mut bench = fixtures::made_up_box();
        let vni = find(&bench, "tcp", "vni").clone();
        let mut loopback = find(&bench, "tcp", "loopback").clone();
        for name in ["db", "web", "log"] {
            loopback.case.pair = Some(Pair { from: name.to_owned(), to: name.to_owned() });
            bench.measurements.push(loopback.clone());
        }
        assert_eq!(reference(&bench, &vni, "loopback").unwrap().case.pair.as_ref().unwrap().from, "web");
    }

    #[test]
    fn nothing_is_compared_with_itself_or_with_nought() {
        let mut bench = fixtures::made_up_box();
        let veth = find(&bench, "tcp", "veth").clone();
        assert_eq!(ratio(&bench, &veth, "veth"), None);
        for measurement in bench.measurements.iter_mut().filter(|one| one.case.subject == "loopback") {
            measurement.samples.fill(0.0);
        }
        assert_eq!(ratio(&bench, &veth, "loopback"), None);
    }
}
