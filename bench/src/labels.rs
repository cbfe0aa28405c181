//! The names in a `bench.json` as labels for people.
//!
//! A name that is not known here is shown as it is, so that a bench may have cases that nobody has thought of yet.

use crate::model::{Measurement, Parameter, Parameters, Setting};
use crate::quantity::{LARGE_BYTES, bytes, show};

/// The order of parameters. Others follow.
const ORDER: [&str; 8] =
    ["frame_bytes", "burst", "footprint_bytes", "request_bytes", "order", "direction", "offload", "receiver"];

/// Between what it was measured.
pub fn setting(setting: Setting) -> &'static str {
    match setting {
        Setting::Box => "between instances of a box",
        Setting::Native => "between two processes of one host",
        Setting::Tap => "between two network namespaces of one host, through the TAP bridge",
        Setting::Boot => "at the boot of an emulated machine",
    }
}

/// What was measured, at the beginning of a line.
pub fn what(what: &str) -> String {
    match what {
        "tcp" => "TCP".to_owned(),
        "udp" => "UDP".to_owned(),
        other => {
            let words = other.replace('_', " ").replace("round-trip", "round trip");
            let mut letters = words.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
        }
    }
}

/// The parameters, the most important first: `1500-byte frames, one way, offload on`.
pub fn parameters(parameters: &Parameters) -> String {
    ordered(parameters).map(|(name, value)| parameter(name, value)).collect::<Vec<_>>().join(", ")
}

/// The parameters, the most important first.
pub fn ordered(parameters: &Parameters) -> impl Iterator<Item = (&str, &Parameter)> {
    let known = ORDER.iter().filter_map(|name| parameters.get_key_value(*name));
    let others = parameters.iter().filter(|(name, _)| !ORDER.contains(&name.as_str()));
    known.chain(others).map(|(name, value)| (name.as_str(), value))
}

/// One parameter with its value.
pub fn parameter(name: &str, value: &Parameter) -> String {
    match (name, value) {
        ("frame_bytes", Parameter::Number(size)) => format!("{size}-byte frames"),
        ("burst", Parameter::Number(frames)) => format!("bursts of {frames}"),
        ("direction", Parameter::Word(direction)) => spaced(direction),
        // Names of things.
        ("device", Parameter::Word(device)) => device.clone(),
        ("partition", Parameter::Word(partition)) => format!("partition {partition}"),
        (name, Parameter::Word(word)) => format!("{} {}", spaced(name), spaced(word)),
        (name, Parameter::Number(number)) => match name.rsplit_once('_') {
            Some((name, "bytes")) => format!("{} {}", spaced(name), bytes(*number)),
            Some((name, "ns")) => format!("{} {}", spaced(name), show("ns", *number)),
            _ => format!("{} {number}", spaced(name)),
        },
    }
}

/// A parameter without its value.
pub fn dimension(name: &str) -> String {
    match name.rsplit_once('_') {
        Some(("frame", "bytes")) => "frame size".to_owned(),
        Some((name, "bytes" | "ns" | "s")) => spaced(name),
        _ => spaced(name),
    }
}

/// The title of a parameter's axis, whose greatest value is `greatest`.
pub fn axis(name: &str, greatest: f64) -> String {
    let unit = match name.rsplit_once('_') {
        // Each tick has its own unit.
        Some((_, "bytes")) if greatest >= LARGE_BYTES => return dimension(name),
        Some((_, unit @ ("bytes" | "ns" | "s"))) => unit,
        _ if name == "burst" => "frames",
        _ => return dimension(name),
    };
    format!("{} ({unit})", dimension(name))
}

/// The value of a parameter as a tick of that axis.
pub fn tick(name: &str, value: f64, greatest: f64) -> String {
    if name.ends_with("_bytes") && greatest >= LARGE_BYTES { bytes(value) } else { value.to_string() }
}

/// The subject, and its pair if it has one.
pub fn subject(measurement: &Measurement) -> String {
    match &measurement.case.pair {
        Some(pair) if pair.from == pair.to => format!("{} in {}", measurement.case.subject, pair.from),
        Some(pair) => format!("{} {} → {}", measurement.case.subject, pair.from, pair.to),
        None => measurement.case.subject.clone(),
    }
}

/// A counter, without its value.
pub fn counter(name: &str) -> String {
    spaced(name).replace("cpu", "CPU")
}

/// The value of a counter; nothing if the measurement does not have it.
pub fn counted(name: &str, measurement: &Measurement) -> String {
    let unit = if name.contains("share") { "share" } else { "" };
    measurement.counters.get(name).map_or_else(String::new, |count| show(unit, *count))
}

/// The names of all that was counted beside, what belongs to frames first.
pub fn all_counters<'a>(measurements: impl IntoIterator<Item = &'a Measurement>) -> Vec<&'a str> {
    let names = measurements.into_iter().flat_map(|measurement| measurement.counters.keys());
    let mut names: Vec<&str> = names.map(String::as_str).collect();
    names.sort_unstable_by_key(|name| (!name.ends_with("_per_frame"), *name));
    names.dedup();
    names
}

fn spaced(name: &str) -> String {
    name.replace(['_', '-'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_important_parameter_comes_first() {
        let given = [
            ("direction", Parameter::Word("one-way".into())),
            ("footprint_bytes", Parameter::Number(262_144.0)),
            ("frame_bytes", Parameter::Number(1500.0)),
            ("offload", Parameter::Word("on".into())),
            ("queues", Parameter::Number(2.0)),
            ("wait_ns", Parameter::Number(2500.0)),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value)).into();
        let label = "1500-byte frames, footprint 256 KiB, one way, offload on, queues 2, wait 2.50 µs";
        assert_eq!(parameters(&given), label);
    }

    #[test]
    fn an_axis_is_called_by_its_parameter_and_unit() {
        let names = ["frame_bytes", "footprint_bytes", "wait_ns", "burst", "queues"];
        let titles = ["frame size (bytes)", "footprint (bytes)", "wait (ns)", "burst (frames)", "queues"];
        assert_eq!(names.map(|name| axis(name, 4096.0)), titles);
        assert_eq!([axis("footprint_bytes", 1e6), tick("footprint_bytes", 262_144.0, 1e6)], ["footprint", "256 KiB"]);
    }
}
