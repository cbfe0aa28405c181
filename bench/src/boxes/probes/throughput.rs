//! TCP and UDP by stock iperf3, with servers that stay and a client for each sample: what arrives, in bit/s, in both
//! directions together.

use std::time::Duration;

use super::measured::measured;
use crate::boxes::offload::Offload;
use crate::boxes::route::Route;
use crate::boxes::spec::{Direction, Metric};
use crate::iperf::{DATAGRAM_BYTES, Protocol, Report};
use crate::probe::{Probe, Sample};

pub(in crate::boxes) fn tcp(
    route: Route,
    offload: Offload,
    direction: Direction,
    duration: Duration,
) -> Box<dyn Probe> {
    let case = route.case(Metric::Tcp, "bit/s").with("offload", offload).with("direction", direction);
    let sample = move |route: &Route| sample(route, Protocol::Tcp, direction, duration);
    measured(route, case, duration, offload, sample)
}

pub(in crate::boxes) fn udp(route: Route, direction: Direction, duration: Duration) -> Box<dyn Probe> {
    let case = route.case(Metric::Udp, "bit/s").with("datagram_bytes", DATAGRAM_BYTES).with("direction", direction);
    let sample = move |route: &Route| sample(route, Protocol::Udp, direction, duration);
    measured(route, case, duration, Offload::On, sample)
}

fn sample(route: &Route, protocol: Protocol, direction: Direction, duration: Duration) -> anyhow::Result<Sample> {
    let Route { from, to, .. } = route;
    let (address, port, seconds) = (&to.address, to.port, duration.as_secs().max(1));
    let both = if direction == Direction::BothWays { "--bidir" } else { "" };
    let client = format!("--json --interval 0 --client {address} --port {port} --time {seconds}");
    // Without blanks the report is half as long, and a console is slow.
    let line = format!("{client} {} {both} 2> /dev/null | tr -d '\\t\\n'", protocol.arguments());
    let report: Report = from.commands.measure("iperf3", &line, duration)?;
    if let Some(error) = report.error {
        return Err(from.commands.error("iperf3", error).into());
    }
    let sample = report.throughput(protocol);
    sample.ok_or_else(|| from.commands.error("iperf3", format!("it reports no figures: {report:?}")).into())
}
