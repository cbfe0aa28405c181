//! What comes out: one JSON object a line on the standard output, each a measurement as `bench.json` has it, or a remark.
//! What a person wants to see meanwhile goes to the standard error.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// One line.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Line<'a> {
    Measurement(&'a Measurement),
    Remark(&'a str),
    Condition(&'a str, &'a str),
}

/// One question and its samples: the fields are those of the model that the developer's tool reads.
#[derive(Serialize)]
pub(crate) struct Measurement {
    pub(crate) what: &'static str,
    pub(crate) subject: &'static str,
    /// None: these are no partitions of a box.
    pub(crate) pair: (),
    pub(crate) parameters: BTreeMap<String, Parameter>,
    pub(crate) unit: &'static str,
    pub(crate) samples: Vec<f64>,
    pub(crate) discarded: u32,
    pub(crate) beside: BTreeMap<String, f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) distribution: Vec<(f64, u64)>,
}

/// The value of a parameter.
#[derive(Clone, Serialize, Debug)]
#[serde(untagged)]
pub(crate) enum Parameter {
    Number(f64),
    Word(String),
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// Where it goes.
#[derive(Default)]
pub(crate) struct Report {
    /// Measurements told.
    pub(crate) measurements: usize,
    /// Questions that could not be asked.
    pub(crate) failures: usize,
    /// Frames that did not arrive as they were sent.
    pub(crate) corrupt: f64,
}

impl Report {
    pub(crate) fn measurement(&mut self, measurement: &Measurement) {
        self.measurements += 1;
        self.corrupt += measurement.beside.get("corrupt_frames").unwrap_or(&0.0);
        print(&Line::Measurement(measurement));
        eprintln!("{}", told(measurement));
    }

    pub(crate) fn remark(&mut self, remark: &str) {
        print(&Line::Remark(remark));
        eprintln!("REMARK {remark}");
    }

    pub(crate) fn condition(&mut self, name: &str, value: &str) {
        print(&Line::Condition(name, value));
        eprintln!("{name}: {value}");
    }
}

fn print(line: &Line<'_>) {
    // Numbers and words: there is nothing in it that JSON could not say.
    println!("{}", serde_json::to_string(line).unwrap_or_default());
}

fn told(measurement: &Measurement) -> String {
    let Measurement { what, subject, parameters, unit, samples, discarded, beside, .. } = measurement;
    let mut sorted = samples.clone();
    sorted.sort_by(f64::total_cmp);
    let (least, median, most) = (sorted[0], sorted[sorted.len() / 2], sorted[sorted.len() - 1]);
    let parameters: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let beside: Vec<String> = beside.iter().map(|(name, value)| format!("{name}={}", short(*value))).collect();
    format!(
        "{what:<9} {subject:<14} {:>8} {unit:<9} ({} .. {}, n={} -{discarded})  {}  {}",
        short(median),
        short(least),
        short(most),
        samples.len(),
        parameters.join(" "),
        beside.join(" "),
    )
}

/// With a letter for thousands.
fn short(value: f64) -> String {
    for (letter, unit) in [("G", 1e9), ("M", 1e6), ("k", 1e3)] {
        if value >= unit {
            return format!("{:.2}{letter}", value / unit);
        }
    }
    format!("{value:.3}")
}
