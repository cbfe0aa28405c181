//! What a bench has measured: the content of `bench.json`.
//!
//! A [`Bench`] is a list of [`Measurement`]s. Each is one question (what was asked of which subject, with which
//! parameters) with every sample that was taken, so that whoever reads the file can do the statistics anew. Tables and
//! the report page are made from this and from nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Grows when a field changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// One run of a bench.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct Bench {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Where it was measured.
    pub setting: Setting,
    /// One line for people: which box, which kernels, how it was run.
    pub title: String,
    /// What else must be known to read the figures: processor, kernel, versions of tools, switches.
    pub conditions: BTreeMap<String, String>,
    /// Everything that was measured, in the order in which it is told.
    pub measurements: Vec<Measurement>,
    /// What was to be reached, and what was.
    pub targets: Vec<Target>,
    /// What could not be measured, or disturbs the reading: one line each. A bench with such lines is a partial one.
    pub remarks: Vec<String>,
}

/// Where a bench was run.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    /// Between instances of a box.
    Box,
    /// Between two processes of one host, by the very code of the driver.
    Native,
    /// Between two network namespaces of one host, through the TAP bridge.
    Tap,
}

/// One question and its samples.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct Measurement {
    /// What is compared over subjects: `tcp`, `udp`, `frames`, `round-trip`, `disk`, `network`, `hand-off`, `copy`, ...
    pub what: String,
    /// Who was asked: `vni`, `loopback`, `veth`, `virtio-net`, `partition`, `alone`, `cards`, `bridge`, `tunnel`,
    /// `memif`, `vhost-user`, `rtrb`, `limit`, ...
    pub subject: String,
    /// The pair of partitions, if it is one.
    pub pair: Option<Pair>,
    /// With what: `frame_bytes`, `direction` (`one-way`, `both-ways`, `out`, `in`), `offload` (`on`, `off`), `burst`,
    /// `footprint_bytes`, `receiver` (`sleeping`, `polling`), `request_bytes`, `order` (`sequential`, `random`),
    /// `device` and `partition` (its owner), ...
    pub parameters: BTreeMap<String, Parameter>,
    /// Of the samples: `bit/s`, `B/s`, `frames/s`, `ns`, ...
    pub unit: String,
    /// In the order in which they were taken; never empty.
    pub samples: Vec<f64>,
    /// Samples that were thrown away because the machine was disturbed meanwhile.
    pub discarded: u32,
    /// What was counted beside, over all samples: `doorbells_per_frame`, `polls_per_frame`, `drops_per_frame`,
    /// `cpu_share_sender`, `lost_wakeups`, ...
    pub beside: BTreeMap<String, f64>,
    /// For round trips: how many of them took that long, as (upper bound in the unit, count), ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub distribution: Vec<(f64, u64)>,
}

/// An ordered pair of partitions.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
pub struct Pair {
    /// The sender.
    pub from: String,
    /// The receiver.
    pub to: String,
}

/// The value of a parameter.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
#[serde(untagged)]
pub enum Parameter {
    /// A number, in the unit that the parameter's name ends with.
    Number(f64),
    /// A word.
    Word(String),
}

/// A figure that was to be reached.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct Target {
    /// In words: "TCP with offload, against the same kernel's loopback".
    pub what: String,
    /// What was to be reached, as a ratio or in `unit`.
    pub wanted: f64,
    /// Whether more is better.
    pub better: Better,
    /// What was reached; nothing if it could not be measured.
    pub found: Option<f64>,
    /// Of both: `ratio`, `doorbells/frame`, ...
    pub unit: String,
}

/// Which way a target lies.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// At least as much as wanted.
    Higher,
    /// At most as much as wanted.
    Lower,
}

impl Measurement {
    /// The median of the samples.
    pub fn median(&self) -> f64 {
        median(&self.samples)
    }

    /// The least and the greatest sample.
    pub fn range(&self) -> (f64, f64) {
        let (least, greatest) = (f64::INFINITY, f64::NEG_INFINITY);
        self.samples
            .iter()
            .fold((least, greatest), |(least, greatest), sample| (least.min(*sample), greatest.max(*sample)))
    }
}

impl Target {
    /// Whether it was reached; nothing if it could not be measured.
    pub fn is_met(&self) -> Option<bool> {
        self.found.map(|found| match self.better {
            Better::Higher => found >= self.wanted,
            Better::Lower => found <= self.wanted,
        })
    }
}

/// The middle of the samples, or the mean of the middle two; not a number of none.
pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[middle],
        _ => sorted[middle - 1].midpoint(sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_target_is_met_from_the_side_that_is_better() {
        let target = |better, found| Target { what: String::new(), wanted: 1.0, better, found, unit: String::new() };
        assert_eq!(target(Better::Higher, Some(1.0)).is_met(), Some(true));
        assert_eq!(target(Better::Higher, Some(0.9)).is_met(), Some(false));
        assert_eq!(target(Better::Lower, Some(0.9)).is_met(), Some(true));
        assert_eq!(target(Better::Lower, None).is_met(), None);
    }
}
