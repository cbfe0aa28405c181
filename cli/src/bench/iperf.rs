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
    let rate = sum(&result, "received", direction, |sum| sum["bits_per_second"].as_f64());
    Ok(Reading::of(rate.ok_or_else(|| strange(path, &result))?))
}

/// UDP as fast as it goes: what arrives, in bit/s, and how much of it does not.
pub(super) fn udp(path: &Path, direction: Direction, sample: Duration) -> Result<Reading, Fault> {
    let arguments = format!("--udp --bitrate 0 --length {DATAGRAM_BYTES}");
    let result = ask(path, &arguments, direction, sample)?;
    datagrams(&result, direction).ok_or_else(|| strange(path, &result))
}

/// What arrived of the datagrams, and what did not: the receiver does not know of those after its last.
fn datagrams(result: &Value, direction: Direction) -> Option<Reading> {
    let arrived =
        sum(result, "received", direction, |sum| Some(sum["packets"].as_f64()? - sum["lost_packets"].as_f64()?))?;
    let sent = sum(result, "sent", direction, |sum| sum["packets"].as_f64())?;
    let seconds = result["end"]["sum_received"]["seconds"].as_f64().filter(|seconds| *seconds > 0.0)?;
    let rate = arrived * f64::from(DATAGRAM_BYTES) * 8.0 / seconds;
    Some(Reading::of(rate).lost((sent - arrived).max(0.0), sent))
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

/// What one end tells at the end of the test: of the one way, or of both together.
fn sum(result: &Value, end: &str, direction: Direction, of: impl Fn(&Value) -> Option<f64>) -> Option<f64> {
    let there = of(&result["end"][format!("sum_{end}")])?;
    match direction {
        Direction::OneWay => Some(there),
        Direction::BothWays => Some(there + of(&result["end"][format!("sum_{end}_bidir_reverse")])?),
    }
}

fn strange(path: &Path, result: &Value) -> Fault {
    Fault::Answer { end: path.from.name().to_owned(), what: "what iperf3 tells", said: result["end"].to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn datagrams_after_the_last_that_came_are_lost_too() {
        let there = json!({ "packets": 80, "lost_packets": 30, "seconds": 2.0 });
        let back = json!({ "packets": 10, "lost_packets": 0, "seconds": 2.0 });
        let result = json!({ "end": {
            "sum_sent": { "packets": 100 }, "sum_received": there,
            "sum_sent_bidir_reverse": { "packets": 10 }, "sum_received_bidir_reverse": back,
        } });
        let rate = |packets: f64| packets * 1472.0 * 8.0 / 2.0;
        let one_way = datagrams(&result, Direction::OneWay).unwrap();
        assert_eq!((one_way.value, one_way.lost, one_way.sent), (rate(50.0), 50.0, 100.0));
        let both_ways = datagrams(&result, Direction::BothWays).unwrap();
        assert_eq!((both_ways.value, both_ways.lost, both_ways.sent), (rate(60.0), 50.0, 110.0));
        assert_eq!(datagrams(&json!({ "end": {} }), Direction::OneWay), None);
    }
}
