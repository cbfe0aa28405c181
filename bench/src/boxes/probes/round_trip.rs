//! Round trips of a datagram by the agent: the median in nanoseconds, and the distribution.

use std::time::Duration;

use bench_agent::{RoundTrips, Wait};

use super::measured::measured;
use crate::boxes::offload::Offload;
use crate::boxes::route::Route;
use crate::boxes::spec::Metric;
use crate::probe::{Counter, Probe, Sample};

/// How long the two ends may take to start and to finish.
const MEETING: Duration = Duration::from_secs(40);

/// With both ends waiting in this way.
pub(in crate::boxes) fn round_trip(route: Route, wait: Wait, duration: Duration) -> Box<dyn Probe> {
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
