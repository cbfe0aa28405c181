//! The core's counters, as `ethtool -S` shows them: sums over all lanes and peers.

use core::ffi::CStr;

use vni::counter::Counter;
use vni::fault::Fault;
use vni::receiver;
use vni::sender;
use vni::station::Shown;

use crate::station::Driver;

/// How to read one.
enum Source {
    Sent(fn(&sender::Counters) -> &Counter),
    Received(fn(&receiver::Counters) -> &Counter),
    Link(fn(&Shown) -> &Counter),
    Fault(usize),
}

const COUNTERS: [(&CStr, Source); 17] = [
    (c"tx_ring_frames", Source::Sent(|sent| &sent.frames)),
    (c"tx_ring_bursts", Source::Sent(|sent| &sent.bursts)),
    (c"tx_ring_full", Source::Sent(|sent| &sent.ring_full)),
    (c"tx_pool_full", Source::Sent(|sent| &sent.pool_full)),
    (c"tx_drop_link_down", Source::Sent(|sent| &sent.link_down)),
    (c"tx_drop_length", Source::Sent(|sent| &sent.length)),
    (c"rx_ring_frames", Source::Received(|received| &received.frames)),
    (c"rx_drop_no_memory", Source::Received(|received| &received.skipped)),
    (c"rx_drop_bad_offload", Source::Received(|received| &received.bad_offload)),
    (c"rx_drop_unknown_flags", Source::Received(|received| &received.unknown_flags)),
    (c"link_ups", Source::Link(|shown| &shown.ups)),
    (c"link_downs", Source::Link(|shown| &shown.downs)),
    (c"link_stalls", Source::Link(|shown| &shown.stalls)),
    (c"fault_consumed", Source::Fault(0)),
    (c"fault_range", Source::Fault(1)),
    (c"fault_frame_length", Source::Fault(2)),
    (c"fault_chain", Source::Fault(3)),
];

/// How many there are.
pub(crate) const COUNT: usize = COUNTERS.len();

/// The name of one, short enough for ethtool.
pub(crate) fn name(which: usize) -> Option<&'static CStr> {
    COUNTERS.get(which).map(|(name, _)| *name)
}

/// What it has come to.
pub(crate) fn value(driver: &Driver, which: usize) -> u64 {
    let Some((_, source)) = COUNTERS.get(which) else { return 0 };
    let lanes = driver.lanes();
    let shown = driver.shown();
    match source {
        Source::Sent(counter) => lanes.iter().map(|lane| counter(&lane.sent.0).get()).sum(),
        Source::Received(counter) => lanes.iter().map(|lane| counter(&lane.received.0).get()).sum(),
        Source::Link(counter) => shown.iter().map(|shown| counter(shown).get()).sum(),
        Source::Fault(kind) => shown.iter().map(|shown| shown.faults[*kind].get()).sum(),
    }
}

const _: () = assert!(Fault::NAMES.len() == 4, "each kind of fault is counted here");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_ethtool_and_faults_are_named_as_the_protocol_names_them() {
        for (name, source) in &COUNTERS {
            assert!(name.count_bytes() < 32, "{name:?}");
            if let Source::Fault(kind) = source {
                assert_eq!(name.to_str(), Ok(Fault::NAMES[*kind]));
            }
        }
    }
}
