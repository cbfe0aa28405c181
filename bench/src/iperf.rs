//! The JSON that iperf3's client prints at the end of a test.

use serde::Deserialize;
use strum::Display;

use crate::probe::{Counter, Sample};

/// The payload of a UDP datagram that fills a frame of Ethernet's ordinary 1,500 bytes.
pub const DATAGRAM_BYTES: u32 = 1472;

/// What is sent; shown as figures name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Display)]
#[strum(serialize_all = "lowercase")]
pub enum Protocol {
    /// One stream.
    Tcp,
    /// Datagrams of [`DATAGRAM_BYTES`], as fast as they go.
    Udp,
}

/// The report of a client.
#[derive(Deserialize, Debug)]
pub struct Report {
    /// Why there are no figures.
    pub error: Option<String>,
    #[serde(default)]
    end: End,
}

/// Sums over the test, as the two ends count. A test in both directions has the other direction besides.
#[derive(Deserialize, Default, Debug)]
#[serde(default)]
struct End {
    sum_sent: Sum,
    sum_received: Sum,
    sum_sent_bidir_reverse: Sum,
    sum_received_bidir_reverse: Sum,
    /// Of UDP in one direction.
    sum: Option<Sum>,
    cpu_utilization_percent: Option<Utilization>,
}

#[derive(Deserialize, Default, Clone, Copy, Debug)]
#[serde(default)]
struct Sum {
    bits_per_second: f64,
    seconds: f64,
    packets: f64,
    lost_packets: f64,
    lost_percent: f64,
    retransmits: f64,
}

#[derive(Deserialize, Clone, Copy, Debug)]
struct Utilization {
    host_total: f64,
    remote_total: f64,
}

impl Protocol {
    /// The arguments of the client.
    pub fn arguments(self) -> String {
        match self {
            Protocol::Tcp => String::new(),
            Protocol::Udp => format!("--udp --bitrate 0 --length {DATAGRAM_BYTES}"),
        }
    }
}

impl Report {
    /// The bits per second that arrived, in both directions together; of UDP with the loss. `None` if figures are missing.
    pub fn throughput(&self, protocol: Protocol) -> Option<Sample> {
        let [sent, received] = [
            [self.end.sum_sent, self.end.sum_sent_bidir_reverse],
            [self.end.sum_received, self.end.sum_received_bidir_reverse],
        ];
        let seconds = Some(received[0].seconds).filter(|seconds| *seconds > 0.0)?;
        if protocol == Protocol::Tcp {
            return Some(Sample::of(received.iter().map(|sum| sum.bits_per_second).sum()));
        }
        // The receiver does not know of datagrams lost after the last that arrived. So count what the sender sent.
        let arrived: f64 = received.iter().map(|sum| sum.packets - sum.lost_packets).sum();
        let sent: f64 = sent.iter().map(|sum| sum.packets).sum();
        let sample = Sample::of(arrived * f64::from(DATAGRAM_BYTES) * 8.0 / seconds);
        let loss = Counter::Share((sent - arrived).max(0.0), sent);
        Some(if sent > 0.0 { sample.count("loss", loss) } else { sample })
    }

    /// The bits per second that the receiver reports for one direction, with what both ends computed and what was lost.
    pub fn one_way(&self, protocol: Protocol) -> Option<Sample> {
        let shares = self.end.cpu_utilization_percent?;
        let (name, lost) = match protocol {
            Protocol::Tcp => ("retransmits", self.end.sum_sent.retransmits),
            Protocol::Udp => ("lost_share", self.end.sum?.lost_percent / 100.0),
        };
        let sample = Sample::of(self.end.sum_received.bits_per_second);
        let sample = sample.count("cpu_share_sender", Counter::mean(shares.host_total / 100.0));
        let sample = sample.count("cpu_share_receiver", Counter::mean(shares.remote_total / 100.0));
        Some(sample.count(name, Counter::mean(lost)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn report(value: Value) -> Report {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn datagrams_after_the_last_that_arrived_are_lost_too() {
        let mut end = json!({
            "sum_sent": { "packets": 100 },
            "sum_received": { "packets": 80, "lost_packets": 30, "seconds": 2.0 },
        });
        let rate = |packets: f64| packets * 1472.0 * 8.0 / 2.0;
        let one_way = report(json!({ "end": end })).throughput(Protocol::Udp).unwrap();
        assert_eq!((one_way.value, one_way.counters["loss"]), (rate(50.0), Counter::Share(50.0, 100.0)));
        end["sum_sent_bidir_reverse"] = json!({ "packets": 10 });
        end["sum_received_bidir_reverse"] = json!({ "packets": 10, "lost_packets": 0, "seconds": 2.0 });
        let both_ways = report(json!({ "end": end })).throughput(Protocol::Udp).unwrap();
        assert_eq!((both_ways.value, both_ways.counters["loss"]), (rate(60.0), Counter::Share(50.0, 110.0)));
        assert_eq!(report(json!({ "end": {} })).throughput(Protocol::Udp), None);
    }

    #[test]
    fn a_report_has_shares_of_processor_time_and_losses() {
        let shares = json!({ "host_total": 80.0, "remote_total": 50.0 });
        let tcp = report(json!({ "end": {
            "sum_sent": { "bits_per_second": 9e9, "retransmits": 3 },
            "sum_received": { "bits_per_second": 8e9 },
            "cpu_utilization_percent": shares,
        }}));
        let sample = tcp.one_way(Protocol::Tcp).unwrap();
        assert_eq!(sample.value, 8e9);
        assert_eq!(sample.counters.into_values().map(Counter::value).collect::<Vec<_>>(), [0.5, 0.8, 3.0]);
        let udp = report(json!({ "end": { "sum": { "lost_percent": 25.0 }, "cpu_utilization_percent": shares }}));
        assert_eq!(udp.one_way(Protocol::Udp).unwrap().counters["lost_share"].value(), 0.25);
        let refused = report(json!({ "error": "unable to connect" }));
        assert!(refused.one_way(Protocol::Tcp).is_none() && refused.error.is_some());
    }
}
