//! The probe of a route: TCP and UDP by stock iperf3, [frames] and round trips by the agent.

mod frames;

use std::time::Duration;

use anyhow::Result;
use bench_agent::RoundTrips;

use super::counts::counted;
use super::offload::{Offload, with_offload};
use super::route::Route;
use super::spec::Direction;
use super::traffic::Traffic;
use crate::iperf::{DATAGRAM_BYTES, Protocol, Report};
use crate::model::Case;
use crate::probe::{Counter, Probe, Sample};

/// How long the two ends may take to start, and to finish or to acknowledge the last frame.
const MEETING: Duration = Duration::from_secs(40);

/// Steers frames to a route, sets the cards, counts meanwhile, and cleans up after an error.
pub(super) struct RouteProbe {
    route: Route,
    traffic: Traffic,
    duration: Duration,
    case: Case,
}

impl RouteProbe {
    pub(super) fn boxed(route: Route, traffic: Traffic, duration: Duration) -> Box<dyn Probe> {
        let case = |unit| route.case(traffic.metric(), unit);
        let case = match traffic {
            Traffic::Tcp(offload, direction) => case("bit/s").with("offload", offload).with("direction", direction),
            Traffic::Udp(direction) => {
                case("bit/s").with("datagram_bytes", DATAGRAM_BYTES).with("direction", direction)
            }
            Traffic::Frames(bytes, direction) => case("bit/s").with("frame_bytes", bytes).with("direction", direction),
            Traffic::RoundTrip(wait) => case("ns").with("receiver", wait),
        };
        Box::new(RouteProbe { route, traffic, duration, case })
    }

    fn measure(&self) -> Result<Sample> {
        match self.traffic {
            Traffic::Tcp(_, direction) => self.throughput(Protocol::Tcp, direction),
            Traffic::Udp(direction) => self.throughput(Protocol::Udp, direction),
            Traffic::Frames(bytes, direction) => frames::measure(&self.route, bytes, direction, self.duration),
            Traffic::RoundTrip(_) => self.round_trips(),
        }
    }

    /// A client, for servers that stay: what arrives, in bit/s, in both directions together.
    fn throughput(&self, protocol: Protocol, direction: Direction) -> Result<Sample> {
        let (Route { from, to, .. }, seconds) = (&self.route, self.duration.as_secs().max(1));
        let both = if direction == Direction::BothWays { "--bidir" } else { "" };
        let client = format!("--json --interval 0 --client {} --port {} --time {seconds}", to.address, to.port);
        // Without blanks the report is half as long, and a console is slow.
        let line = format!("{client} {} {both} 2> /dev/null | tr -d '\\t\\n'", protocol.arguments());
        let report: Report = from.commands.measure("iperf3", &line, self.duration)?;
        if let Some(error) = report.error {
            return Err(from.commands.error("iperf3", error));
        }
        let sample = report.throughput(protocol);
        sample.ok_or_else(|| from.commands.error("iperf3", format!("it reports no figures: {report:?}")))
    }

    /// The median in nanoseconds, and the distribution.
    fn round_trips(&self) -> Result<Sample> {
        let Route { from, to, .. } = &self.route;
        let arguments = format!("{}:{} {}", to.address, to.port + 1, self.case.parameters["receiver"]);
        to.commands.start("answer", &format!("bench-agent answer {arguments}"))?;
        let ask = format!("ask {arguments} {}", self.duration.as_secs().max(1));
        let report: RoundTrips = from.commands.measure("bench-agent", &ask, self.duration + MEETING)?;
        to.commands.shell.finish("answer", MEETING)?;
        let sample = Sample { distribution: report.distribution, ..Sample::of(report.median) };
        Ok(sample.count("percentile_99", Counter::Max(report.percentile_99)))
    }
}

impl Probe for RouteProbe {
    fn case(&self) -> &Case {
        &self.case
    }

    fn sample(&mut self, (): &mut ()) -> Result<Sample> {
        self.route.steer()?;
        let offload = if let Traffic::Tcp(offload, _) = self.traffic { offload } else { Offload::On };
        with_offload(&self.route, offload, || counted(&self.route, self.duration, || self.measure()))
    }

    fn recover(&mut self) -> Result<()> {
        let ends = [&self.route.from, &self.route.to].map(|end| end.commands.settle());
        ends.into_iter().collect()
    }
}
