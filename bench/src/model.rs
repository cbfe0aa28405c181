//! What a bench has measured: the content of `bench.json`.
//!
//! A [`Bench`] is a list of [`Measurement`]s. Each has a [`Case`] (what was measured of which subject, with which
//! parameters) and every sample, so whoever reads the file can do the statistics anew. Tables and the report page are made
//! from this and from nothing else.

use std::collections::BTreeMap;
use std::fmt;

use bench_agent::Distribution;
use serde::{Deserialize, Serialize};
use strum::Display;

use crate::host::HostLoad;
use crate::statistics::Summary;

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
    /// What else a reader must know: processor, kernel, versions of tools, switches.
    pub conditions: BTreeMap<String, String>,
    /// All measurements, in the order in which they are shown.
    pub measurements: Vec<Measurement>,
    /// What was to be reached, and what was.
    pub targets: Vec<Target>,
    /// What could not be measured or disturbs the figures, one line each. A bench with remarks is a partial one.
    pub remarks: Vec<String>,
}

/// Where a bench was run.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    /// Between instances of a box.
    Box,
    /// Between two processes of one host, by the driver's own code.
    Native,
    /// Between two network namespaces of one host, through the TAP bridge.
    Tap,
    /// At the boot of an emulated machine.
    Boot,
}

/// What is measured of whom: all that tells one measurement from another.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct Case {
    /// What is compared over subjects: `tcp`, `udp`, `frames`, `round-trip`, `disk`, `network`, `hand-off`, `copy`, ...
    pub what: String,
    /// What is compared: `vni`, `loopback`, `veth`, `virtio-net`, `partition`, `alone`, `cards`, `bridge`, `tunnel`,
    /// `memif`, `vhost-user`, `rtrb`, `limit`, ...
    pub subject: String,
    /// The pair of partitions, if it is one.
    pub pair: Option<Pair>,
    /// With what: `frame_bytes`, `direction` (`one-way`, `both-ways`, `out`, `in`), `offload` (`on`, `off`), `burst`,
    /// `footprint_bytes`, `receiver` (`sleeping`, `polling`), `request_bytes`, `order` (`sequential`, `random`),
    /// `device` and `partition` (its owner), ...
    pub parameters: Parameters,
    /// Of the samples: `bit/s`, `B/s`, `frames/s`, `ns`, ...
    pub unit: String,
}

/// A case and its samples.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct Measurement {
    /// What was measured.
    #[serde(flatten)]
    pub case: Case,
    /// In the order in which they were taken; never empty.
    pub samples: Vec<f64>,
    /// Samples that were thrown away because the machine was disturbed meanwhile.
    pub discarded: u32,
    /// What was counted over all samples: `doorbells_per_frame`, `polls_per_frame`, `drops_per_frame`,
    /// `cpu_share_sender`, `lost_wakeups`, ...
    #[serde(rename = "beside")]
    pub counters: BTreeMap<String, f64>,
    /// For round trips: how many of them took that long.
    #[serde(default, skip_serializing_if = "Distribution::is_empty")]
    pub distribution: Distribution,
}

/// An ordered pair of partitions.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
pub struct Pair {
    /// The sender.
    pub from: String,
    /// The receiver.
    pub to: String,
}

/// Parameters by name.
pub type Parameters = BTreeMap<String, Parameter>;

/// The value of a parameter.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug, Display)]
#[serde(untagged)]
pub enum Parameter {
    /// A number, in the unit that the parameter's name ends with.
    #[strum(to_string = "{0}")]
    Number(f64),
    /// A word.
    #[strum(to_string = "{0}")]
    Word(String),
}

/// A figure that was to be reached.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct Target {
    /// For people: "TCP with offload, against the same kernel's loopback".
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

/// On which side of `wanted` a target is met.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// At least as much as wanted.
    Higher,
    /// At most as much as wanted.
    Lower,
}

impl Bench {
    /// A bench without targets.
    pub fn new<'a>(
        setting: Setting,
        title: String,
        conditions: impl IntoIterator<Item = (&'a str, String)>,
        measurements: Vec<Measurement>,
        remarks: Vec<String>,
    ) -> Bench {
        let conditions = conditions.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Bench { schema: SCHEMA, setting, title, conditions, measurements, targets: Vec::new(), remarks }
    }

    /// Adds the load of the host meanwhile, and a remark if it disturbed the figures.
    pub fn record(&mut self, host: HostLoad) {
        self.conditions.insert("host".to_owned(), host.to_string());
        if host.is_disturbed() {
            self.remarks.push("the host was disturbed: others were at work, do not trust these figures".to_owned());
        }
    }
}

impl Case {
    /// A case without a pair or parameters.
    pub fn new(what: &str, subject: &str, unit: &str) -> Case {
        let (what, subject, unit) = (what.to_owned(), subject.to_owned(), unit.to_owned());
        Case { what, subject, pair: None, parameters: Parameters::new(), unit }
    }

    /// With a parameter: a number, a word, or an enumeration whose variants are words.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Case {
        let value = serde_json::to_value(value).and_then(serde_json::from_value);
        self.parameters.insert(name.to_owned(), value.expect("parameters are numbers and words"));
        self
    }

    /// With the samples that were taken of it.
    pub fn measured(self, samples: Vec<f64>) -> Measurement {
        let (counters, distribution) = (BTreeMap::new(), Distribution::default());
        Measurement { case: self, samples, discarded: 0, counters, distribution }
    }

    /// A parameter that is a number.
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.parameters.get(name) {
            Some(Parameter::Number(number)) => Some(*number),
            _ => None,
        }
    }
}

impl fmt::Display for Case {
    /// `vni web:db, tcp, direction one-way, offload on`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subject)?;
        if let Some(Pair { from, to }) = &self.pair {
            write!(f, " {from}:{to}")?;
        }
        write!(f, ", {}", self.what)?;
        self.parameters.iter().try_for_each(|(name, value)| write!(f, ", {name} {value}"))
    }
}

impl Measurement {
    /// Median and range of the samples.
    pub fn summary(&self) -> Summary {
        Summary::of(self.samples.iter().copied())
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
