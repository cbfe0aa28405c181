//! Probes of a route: TCP and UDP by stock iperf3, [frames] and round trips by the agent.

mod frames;

use std::time::Duration;

use bench_agent::{RoundTrips, Wait};

pub(super) use self::frames::{ORDINARY_FRAME, frames};
use super::counts::counted;
use super::offload::{Offload, with_offload};
use super::route::Route;
use super::spec::{Direction, Metric};
use crate::iperf::{DATAGRAM_BYTES, Protocol, Report};
use crate::model::Case;
use crate::probe::{Counter, Probe, Sample};

/// How long the two ends may take to start, and to finish or to acknowledge the last frame.
const MEETING: Duration = Duration::from_secs(40);

/// What all probes of a route do: they steer frames there, set the cards, count meanwhile, and clean up after an error.
struct Measured<F> {
    route: Route,
    case: Case,
    duration: Duration,
    offload: Offload,
    sample: F,
}

/// The probe of a case that a function measures.
fn measured(
    route: Route,
    case: Case,
    duration: Duration,
    offload: Offload,
    sample: impl Fn(&Route) -> anyhow::Result<Sample> + 'static,
) -> Box<dyn Probe> {
    Box::new(Measured { route, case, duration, offload, sample })
}

impl<F: Fn(&Route) -> anyhow::Result<Sample>> Probe for Measured<F> {
    fn case(&self) -> &Case {
        &self.case
    }

    fn sample(&mut self, (): &mut ()) -> anyhow::Result<Sample> {
        let route = &self.route;
        route.steer()?;
        with_offload(route, self.offload, || counted(route, self.duration, || (self.sample)(route)))
    }

    fn recover(&mut self) -> anyhow::Result<()> {
        let ends = [&self.route.from, &self.route.to].map(|end| end.commands.settle());
        ends.into_iter().collect()
    }
}

pub(super) fn tcp(route: Route, offload: Offload, direction: Direction, duration: Duration) -> Box<dyn Probe> {
    let case = route.case(Metric::Tcp, "bit/s").with("offload", offload).with("direction", direction);
    let sample = move |route: &Route| throughput(route, Protocol::Tcp, direction, duration);
    measured(route, case, duration, offload, sample)
}

pub(super) fn udp(route: Route, direction: Direction, duration: Duration) -> Box<dyn Probe> {
    let case = route.case(Metric::Udp, "bit/s").with("datagram_bytes", DATAGRAM_BYTES).with("direction", direction);
    let sample = move |route: &Route| throughput(route, Protocol::Udp, direction, duration);
    measured(route, case, duration, Offload::On, sample)
}

/// A client, for servers that stay: what arrives, in bit/s, in both directions together.
fn throughput(route: &Route, protocol: Protocol, direction: Direction, duration: Duration) -> anyhow::Result<Sample> {
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

/// Round trips of a datagram: the median in nanoseconds, and the distribution. Both ends wait in this way.
pub(super) fn round_trip(route: Route, wait: Wait, duration: Duration) -> Box<dyn Probe> {
    let case = route.case(Metric::RoundTrip, "ns").with("receiver", wait);
    let wait = case.parameters["receiver"].to_string();
    measured(route, case, duration, Offload::On, move |Route { from, to, .. }| {
        let address = format!("{}:{}", to.address, to.port + 1);
        to.commands.start("answer", &format!("bench-agent answer {address} {wait}"))?;
        let ask = format!("ask {address} {wait} {}", duration.as_secs().max(1));
        let report: RoundTrips = from.commands.measure("bench-agent", &ask, duration + MEETING)?;
        to.commands.shell.finish("answer", MEETING)?;
        let sample = Sample { distribution: report.distribution, ..Sample::of(report.median) };
        Ok(sample.count("percentile_99", Counter::Max(report.percentile_99)))
    })
}
