//! What an endpoint has counted, by the names under which the Linux driver shows it (`ethtool -S`), and two counters of
//! its own.

use vni::counters::COUNTERS;

use crate::parts::EndpointParts;

const OWN: [&str; 2] = ["doorbells_rung", "wakeups"];

/// The number of counters.
pub const COUNT: usize = COUNTERS.len() + OWN.len();

/// The name of each counter, in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    let protocol = COUNTERS.iter().map(|counter| counter.name.to_str().unwrap_or_default());
    protocol.chain(OWN)
}

/// The value of each counter, in the order of [`names`]; `own` are the values of the endpoint's own.
pub(crate) fn values(parts: &EndpointParts, own: [u64; OWN.len()]) -> impl Iterator<Item = u64> {
    COUNTERS.iter().map(|counter| parts.counter(counter)).chain(own)
}
