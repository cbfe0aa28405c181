//! Stock iperf3 between the ends of a path: servers that stay, and one client for each sample.

use std::time::Duration;

use serde_json::Value;

use super::end::{End, Path};
use super::fault::Fault;
use super::task::{Direction, Reading};

/// The payload of a UDP datagram that fills a frame of Ethernet's ordinary 1,500 bytes.
pub(super) const DATAGRAM_BYTES: u32 = 1472;
const PROGRAM: &str = "iperf3";

/// Starts a server at an end, which stays.
pub(super) fn serve(end: &End) -> Result<(), Fault> {
    end.run(&format!("iperf3 --server --daemon --port {}", end.port())).map(drop)
}

/// TCP for so long: what arrives, in bit/s, both ways together.
pub(super) fn tcp(path: &Path, direction: Direction, sample: Duration) -> Result<Reading, Fault> {
    let result = ask(path, "", direction, sample)?;
    let rate = received(&result, direction, |sum| sum["bits_per_second"].as_f64());
    Ok(Reading::of(rate.ok_or_else(|| strange(path, &result))?))
}

/// UDP as fast as it goes: what arrives, in bit/s, and how much of it does not.
pub(super) fn udp(path: &Path, direction: Direction, sample: Duration) -> Result<Reading, Fault> {
    let arguments = format!("--udp --bitrate 0 --length {DATAGRAM_BYTES}");
    let result = ask(path, &arguments, direction, sample)?;
    let sum_of = |name: &str| received(&result, direction, |sum| sum[name].as_f64());
    let told = (sum_of("packets"), sum_of("lost_packets"), seconds(&result));
    let (Some(packets), Some(lost), Some(seconds)) = told else { return Err(strange(path, &result)) };
    let rate = (packets - lost) * f64::from(DATAGRAM_BYTES) * 8.0 / seconds;
    Ok(Reading::of(rate).lost(lost, packets))
}

/// Runs a client.
fn ask(path: &Path, arguments: &str, direction: Direction, sample: Duration) -> Result<Value, Fault> {
    let both = match direction {
        Direction::OneWay => "",
        Direction::BothWays => "--bidir",
    };
    let (host, port, seconds) = (path.to.address(), path.to.port(), sample.as_secs().max(1));
    let client =
        format!("iperf3 --json --interval 0 --client {host} --port {port} --time {seconds} {arguments} {both}");
    // Without the blanks it is half as long, and a console is slow.
    let said = path.from.measure(&format!("{client} 2> /dev/null | tr -d '\\t\\n'"), sample)?;
    let fault =
        |said: &str| Fault::Program { end: path.from.name().to_owned(), program: PROGRAM, said: said.to_owned() };
    let result: Value = serde_json::from_str(&said).map_err(|_| fault(&said))?;
    match result["error"].as_str() {
        Some(error) => Err(fault(error)),
        None => Ok(result),
    }
}

/// The sum over both ways, or that of the one.
fn received(result: &Value, direction: Direction, of: impl Fn(&Value) -> Option<f64>) -> Option<f64> {
    let there = of(&result["end"]["sum_received"])?;
    match direction {
        Direction::OneWay => Some(there),
        Direction::BothWays => Some(there + of(&result["end"]["sum_received_bidir_reverse"])?),
    }
}

fn seconds(result: &Value) -> Option<f64> {
    result["end"]["sum_received"]["seconds"].as_f64().filter(|seconds| *seconds > 0.0)
}

fn strange(path: &Path, result: &Value) -> Fault {
    Fault::Answer { end: path.from.name().to_owned(), what: "what iperf3 tells", said: result["end"].to_string() }
}
