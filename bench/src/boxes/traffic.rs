//! The cases of routes, in their order.

use std::time::Duration;

use bench_agent::Wait;

use super::offload::Offload;
use super::probes::{self, ORDINARY_FRAME};
use super::route::Route;
use super::spec::{BenchSpec, Direction, Extent, Metric, Subject};
use crate::probe::Probe;
use crate::rounds::Group;

/// The lengths of frames, Ethernet header included.
const FRAMES: [u32; 7] = [64, 256, 1024, ORDINARY_FRAME, 4096, 16_384, 65_535];

/// A case, for any route.
pub(super) struct TrafficCase {
    metric: Metric,
    pub(super) scope: Scope,
    probe: Box<dyn Fn(Route, Duration) -> Box<dyn Probe>>,
}

/// Which routes a case measures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scope {
    /// All: figures of a matrix.
    AllPairs,
    /// The first pair, and all that is no pair.
    FirstPair,
    /// The same, without loopback: it has no card.
    FirstPairCards,
}

/// The cases of this extent.
pub(super) fn cases(extent: Extent) -> Vec<TrafficCase> {
    use Direction::{BothWays, OneWay};
    use Scope::{AllPairs, FirstPair, FirstPairCards};
    let tcp = |scope, offload, direction| {
        case(Metric::Tcp, scope, move |route, duration| probes::tcp(route, offload, direction, duration))
    };
    let udp =
        |scope, direction| case(Metric::Udp, scope, move |route, duration| probes::udp(route, direction, duration));
    let frames = |scope, bytes, direction| {
        case(Metric::Frames, scope, move |route, duration| probes::frames(route, bytes, direction, duration))
    };
    let round_trip =
        |scope, wait| case(Metric::RoundTrip, scope, move |route, duration| probes::round_trip(route, wait, duration));
    let mut cases = vec![
        tcp(AllPairs, Offload::On, OneWay),
        tcp(FirstPairCards, Offload::Off, OneWay),
        udp(AllPairs, OneWay),
        round_trip(AllPairs, Wait::Sleeping),
        round_trip(FirstPair, Wait::Polling),
    ];
    let sizes: &[u32] = if extent == Extent::Full { &FRAMES } else { &[ORDINARY_FRAME] };
    cases.extend(sizes.iter().map(|bytes| frames(FirstPair, *bytes, OneWay)));
    if extent == Extent::Full {
        cases.extend([
            tcp(FirstPair, Offload::On, BothWays),
            tcp(FirstPairCards, Offload::Off, BothWays),
            udp(FirstPair, BothWays),
            // Both receivers of one card would take the frames of both directions.
            frames(FirstPairCards, ORDINARY_FRAME, BothWays),
        ]);
    }
    cases
}

fn case(metric: Metric, scope: Scope, probe: impl Fn(Route, Duration) -> Box<dyn Probe> + 'static) -> TrafficCase {
    TrafficCase { metric, scope, probe: Box::new(probe) }
}

impl TrafficCase {
    /// Its probes on these routes, as far as the spec has them. The first of several pairs gets all cases.
    pub(super) fn group(&self, routes: &[Route], spec: &BenchSpec) -> Group {
        let first_pair = routes.iter().position(|route| route.pair.is_some());
        let fits = |(number, route): &(usize, &Route)| {
            let is_first = route.pair.is_none() || first_pair == Some(*number);
            spec.has(self.metric, route.subject)
                && match self.scope {
                    Scope::AllPairs => true,
                    Scope::FirstPair => is_first,
                    Scope::FirstPairCards => is_first && route.subject != Subject::Loopback,
                }
        };
        let mut routes: Vec<&Route> = routes.iter().enumerate().filter(fits).map(|(_, route)| route).collect();
        routes.sort_by_key(|route| route.subject);
        routes.into_iter().map(|route| (self.probe)(route.clone(), spec.duration)).collect()
    }
}
