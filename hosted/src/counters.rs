//! What an endpoint has counted, by the names under which the Linux driver shows it (`ethtool -S`): sums over all lanes
//! and peers.

use vni::counter::Counter;
use vni::fault::Fault;
use vni::station::Shown;
use vni::{receiver, sender};

use crate::rig::Rig;

type Of<T> = (&'static str, fn(&T) -> &Counter);

const SENT: [Of<sender::Counters>; 6] = [
    ("tx_ring_frames", |sent| &sent.frames),
    ("tx_ring_bursts", |sent| &sent.bursts),
    ("tx_ring_full", |sent| &sent.ring_full),
    ("tx_pool_full", |sent| &sent.pool_full),
    ("tx_drop_link_down", |sent| &sent.link_down),
    ("tx_drop_length", |sent| &sent.length),
];
const RECEIVED: [Of<receiver::Counters>; 4] = [
    ("rx_ring_frames", |received| &received.frames),
    ("rx_drop_no_memory", |received| &received.skipped),
    ("rx_drop_bad_offload", |received| &received.bad_offload),
    ("rx_drop_unknown_flags", |received| &received.unknown_flags),
];
const LINKS: [Of<Shown>; 3] =
    [("link_ups", |link| &link.ups), ("link_downs", |link| &link.downs), ("link_stalls", |link| &link.stalls)];
const OWN: [&str; 2] = ["doorbells_rung", "wakeups"];

/// How many there are.
pub const COUNT: usize = SENT.len() + RECEIVED.len() + LINKS.len() + Fault::NAMES.len() + OWN.len();

/// The name of each, in their order.
pub fn names() -> impl Iterator<Item = &'static str> {
    let (sent, received) = (SENT.iter().map(|(name, _)| *name), RECEIVED.iter().map(|(name, _)| *name));
    sent.chain(received).chain(LINKS.iter().map(|(name, _)| *name)).chain(Fault::NAMES).chain(OWN)
}

/// What each has come to, in the order of [`names`]; `own` are those that are not the protocol's.
pub(crate) fn values(rig: &Rig, own: [u64; OWN.len()]) -> impl Iterator<Item = u64> {
    let sent = SENT.iter().map(|(_, of)| rig.sent().map(|lane| of(lane).get()).sum());
    let received = RECEIVED.iter().map(|(_, of)| rig.received().map(|lane| of(lane).get()).sum());
    let links = LINKS.iter().map(|(_, of)| rig.shown().iter().map(|link| of(link).get()).sum());
    let faults = (0..Fault::NAMES.len()).map(|kind| rig.shown().iter().map(|link| link.faults[kind].get()).sum());
    sent.chain(received).chain(links).chain(faults).chain(own)
}
