//! What goes over routes: the cases, in their order.

use bench_agent::Wait;

use super::offload::Offload;
use super::probes::RouteProbe;
use super::route::Route;
use super::spec::{BenchSpec, Direction, Extent, Metric, Subject};
use crate::rounds::Group;

/// The longest frame with Ethernet's ordinary 1,500 bytes.
pub(super) const ORDINARY_FRAME: u32 = 1514;
/// The lengths of frames, Ethernet header included.
const FRAMES: [u32; 7] = [64, 256, 1024, ORDINARY_FRAME, 4096, 16_384, 65_535];

#[derive(Clone, Copy, Debug)]
pub(super) enum Traffic {
    Tcp(Offload, Direction),
    Udp(Direction),
    /// Frames of so many bytes, Ethernet header included, by the agent.
    Frames(u32, Direction),
    /// A datagram there and back, by the agent. Both ends wait in this way.
    RoundTrip(Wait),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scope {
    /// All: figures of a matrix.
    AllPairs,
    /// The first pair, and all that is no pair.
    FirstPair,
    /// The same, without loopback: it has no card.
    FirstPairCards,
}

pub(super) fn cases(extent: Extent) -> Vec<(Scope, Traffic)> {
    use Direction::{BothWays, OneWay};
    use Scope::{AllPairs, FirstPair, FirstPairCards};
    use Traffic::{Frames, RoundTrip, Tcp, Udp};
    let mut cases = vec![
        (AllPairs, Tcp(Offload::On, OneWay)),
        (FirstPairCards, Tcp(Offload::Off, OneWay)),
        (AllPairs, Udp(OneWay)),
        (AllPairs, RoundTrip(Wait::Sleeping)),
        (FirstPair, RoundTrip(Wait::Polling)),
    ];
    let sizes: &[u32] = if extent == Extent::Full { &FRAMES } else { &[ORDINARY_FRAME] };
    cases.extend(sizes.iter().map(|bytes| (FirstPair, Frames(*bytes, OneWay))));
    if extent == Extent::Full {
        cases.extend([
            (FirstPair, Tcp(Offload::On, BothWays)),
            (FirstPairCards, Tcp(Offload::Off, BothWays)),
            (FirstPair, Udp(BothWays)),
            // Both receivers of one card would take the frames of both directions.
            (FirstPairCards, Frames(ORDINARY_FRAME, BothWays)),
        ]);
    }
    cases
}

/// The probes of a case on these routes, as far as the spec has them. The first of several pairs gets all cases.
pub(super) fn group((scope, traffic): (Scope, Traffic), routes: &[Route], spec: &BenchSpec) -> Group {
    let first_pair = routes.iter().position(|route| route.pair.is_some());
    let fits = |(number, route): &(usize, &Route)| {
        let is_first = route.pair.is_none() || first_pair == Some(*number);
        spec.has(traffic.metric(), route.subject)
            && match scope {
                Scope::AllPairs => true,
                Scope::FirstPair => is_first,
                Scope::FirstPairCards => is_first && route.subject != Subject::Loopback,
            }
    };
    let mut routes: Vec<&Route> = routes.iter().enumerate().filter(fits).map(|(_, route)| route).collect();
    routes.sort_by_key(|route| route.subject);
    routes.into_iter().map(|route| RouteProbe::boxed(route.clone(), traffic, spec.duration)).collect()
}

impl Traffic {
    pub(super) fn metric(self) -> Metric {
        match self {
            Traffic::Tcp(..) => Metric::Tcp,
            Traffic::Udp(_) => Metric::Udp,
            Traffic::Frames(..) => Metric::Frames,
            Traffic::RoundTrip(_) => Metric::RoundTrip,
        }
    }
}
