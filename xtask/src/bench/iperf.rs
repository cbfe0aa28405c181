//! iperf3 between two namespaces: a server for one test, a client, and what the client's JSON says.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::namespaces::{End, Link, Namespaces};
use crate::process;
use crate::unpacked::Unpacked;

const PROGRAM: &str = "usr/bin/iperf3";
/// Bytes of a datagram that fills a packet of 1500.
pub(super) const UDP_PAYLOAD: u32 = 1472;
/// Beyond the time that a test is to take.
const GRACE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    /// As figures name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        }
    }
}

/// What one test has come to. Shares are of one core.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Flow {
    /// As received.
    pub(super) bits_per_second: f64,
    pub(super) sender_share: f64,
    pub(super) receiver_share: f64,
    pub(super) bridges_share: f64,
    /// Of TCP: retransmissions; of UDP: the share of datagrams that were lost.
    pub(super) lost: f64,
}

impl Flow {
    pub(super) fn gbit(&self) -> f64 {
        self.bits_per_second / 1e9
    }

    fn read(report: &Value, protocol: Protocol, bridges_share: f64) -> Option<Flow> {
        let end = &report["end"];
        let share = |side: &str| Some(end["cpu_utilization_percent"][side].as_f64()? / 100.0);
        let lost = match protocol {
            Protocol::Tcp => end["sum_sent"]["retransmits"].as_f64()?,
            Protocol::Udp => end["sum"]["lost_percent"].as_f64()? / 100.0,
        };
        let bits_per_second = end["sum_received"]["bits_per_second"].as_f64()?;
        let (sender_share, receiver_share) = (share("host_total")?, share("remote_total")?);
        Some(Flow { bits_per_second, sender_share, receiver_share, bridges_share, lost })
    }
}

/// The program, and how long its tests take.
pub(super) struct Iperf<'a> {
    programs: &'a Unpacked,
    seconds: u32,
}

impl<'a> Iperf<'a> {
    pub(super) fn new(programs: &'a Unpacked, seconds: u32) -> Iperf<'a> {
        Iperf { programs, seconds }
    }

    /// As it calls itself.
    pub(super) fn version(&self) -> Result<String> {
        let text = process::output(self.programs.command(PROGRAM).arg("--version"), process::QUICK)?;
        Ok(text.lines().next().unwrap_or_default().to_owned())
    }

    /// One test over that link. The first second, in which TCP finds its pace, is left out.
    pub(super) fn run(&self, namespaces: &Namespaces, link: Link, protocol: Protocol) -> Result<Flow> {
        let _server = Server::start(namespaces, link)?;
        let mut client = namespaces.command(End::Sender, PROGRAM);
        let seconds = self.seconds.to_string();
        client.args(["--json", "--client", &link.address(End::Receiver), "--time", &seconds, "--omit", "1"]);
        if protocol == Protocol::Udp {
            client.args(["--udp", "--bitrate", "0", "--length", &UDP_PAYLOAD.to_string()]);
        }
        let (began, before) = (Instant::now(), namespaces.bridges_seconds()?);
        let limit = Duration::from_secs(self.seconds.into()) + GRACE;
        let report = process::output(&mut client, limit)?;
        let share = (namespaces.bridges_seconds()? - before) / began.elapsed().as_secs_f64();
        let report: Value = serde_json::from_str(&report).context("iperf3 printed no JSON")?;
        Flow::read(&report, protocol, share).with_context(|| format!("iperf3 told no figures: {}", report["error"]))
    }
}

/// A server for one test, ended when this is dropped.
struct Server(Child);

impl Server {
    fn start(namespaces: &Namespaces, link: Link) -> Result<Server> {
        let mut command = namespaces.command(End::Receiver, PROGRAM);
        command.args(["--server", "--one-off", "--forceflush", "--bind", &link.address(End::Receiver)]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot run iperf3")?;
        let mut server = Server(child);
        let out = server.0.stdout.take().context("the server has no output")?;
        // It says so, or ends; there is nothing else that it could wait for.
        for line in BufReader::new(out).lines() {
            if line?.starts_with("Server listening") {
                return Ok(server);
            }
        }
        bail!("iperf3's server has ended before it listened")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_read_as_the_receiver_saw_it() {
        let shares = json!({ "host_total": 80.0, "remote_total": 50.0 });
        let tcp = json!({ "end": {
            "sum_sent": { "bits_per_second": 9e9, "retransmits": 3 },
            "sum_received": { "bits_per_second": 8e9 },
            "cpu_utilization_percent": shares,
        }});
        let flow = Flow::read(&tcp, Protocol::Tcp, 0.25).unwrap();
        let expected =
            Flow { bits_per_second: 8e9, sender_share: 0.8, receiver_share: 0.5, bridges_share: 0.25, lost: 3.0 };
        assert_eq!(flow, expected);
        let udp = json!({ "end": {
            "sum": { "lost_percent": 25.0 },
            "sum_received": { "bits_per_second": 2e9 },
            "cpu_utilization_percent": shares,
        }});
        assert_eq!(Flow::read(&udp, Protocol::Udp, 0.0).unwrap().lost, 0.25);
        assert_eq!(Flow::read(&json!({ "error": "unable to connect" }), Protocol::Tcp, 0.0), None);
    }
}
