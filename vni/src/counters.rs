//! Every counter of the protocol, by the name that users see (`ethtool -S` of the Linux driver, the hosted endpoint):
//! sums over all lanes and links of a partition.

use core::ffi::CStr;

use crate::counter::Counter;
use crate::fault::Fault;
use crate::peer_link::LinkStatus;
use crate::{receiver, sender};

/// A counter and where it is counted. The sum of it over a partition is [`NamedCounter::total`].
pub struct NamedCounter {
    /// Its name, at most 31 bytes: ethtool shows no more.
    pub name: &'static CStr,
    source: Source,
}

enum Source {
    Sender(fn(&sender::Counters) -> &Counter),
    Receiver(fn(&receiver::Counters) -> &Counter),
    Link(fn(&LinkStatus) -> &Counter),
    /// By [`Fault::kind`].
    Fault(usize),
}

/// All of them, in the order in which users see them.
pub const COUNTERS: [NamedCounter; 17] = [
    of_sender(c"tx_ring_frames", |sender| &sender.frames),
    of_sender(c"tx_ring_bursts", |sender| &sender.bursts),
    of_sender(c"tx_ring_full", |sender| &sender.ring_full),
    of_sender(c"tx_pool_full", |sender| &sender.pool_full),
    of_sender(c"tx_drop_link_down", |sender| &sender.link_down),
    of_sender(c"tx_drop_length", |sender| &sender.length),
    of_receiver(c"rx_ring_frames", |receiver| &receiver.frames),
    of_receiver(c"rx_drop_no_memory", |receiver| &receiver.skipped),
    of_receiver(c"rx_drop_bad_offload", |receiver| &receiver.bad_offload),
    of_receiver(c"rx_drop_unknown_flags", |receiver| &receiver.unknown_flags),
    of_link(c"link_ups", |link| &link.ups),
    of_link(c"link_downs", |link| &link.downs),
    of_link(c"link_stalls", |link| &link.stalls),
    of_fault(c"fault_consumed", 0),
    of_fault(c"fault_range", 1),
    of_fault(c"fault_frame_length", 2),
    of_fault(c"fault_chain", 3),
];

const _: () = assert!(Fault::NAMES.len() == 4, "each kind of fault has a counter");

const fn of_sender(name: &'static CStr, counter: fn(&sender::Counters) -> &Counter) -> NamedCounter {
    NamedCounter { name, source: Source::Sender(counter) }
}

const fn of_receiver(name: &'static CStr, counter: fn(&receiver::Counters) -> &Counter) -> NamedCounter {
    NamedCounter { name, source: Source::Receiver(counter) }
}

const fn of_link(name: &'static CStr, counter: fn(&LinkStatus) -> &Counter) -> NamedCounter {
    NamedCounter { name, source: Source::Link(counter) }
}

const fn of_fault(name: &'static CStr, kind: usize) -> NamedCounter {
    NamedCounter { name, source: Source::Fault(kind) }
}

impl NamedCounter {
    /// Its sum over the senders, receivers and links of a partition.
    pub fn total<'a>(
        &self,
        senders: impl Iterator<Item = &'a sender::Counters>,
        receivers: impl Iterator<Item = &'a receiver::Counters>,
        links: &[LinkStatus],
    ) -> u64 {
        match &self.source {
            Source::Sender(counter) => senders.map(|sender| counter(sender).get()).sum(),
            Source::Receiver(counter) => receivers.map(|receiver| counter(receiver).get()).sum(),
            Source::Link(counter) => links.iter().map(|link| counter(link).get()).sum(),
            Source::Fault(kind) => links.iter().map(|link| link.faults[*kind].get()).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_ethtool_and_faults_are_named_as_the_protocol_names_them() {
        for NamedCounter { name, source } in &COUNTERS {
            assert!(name.count_bytes() < 32, "{name:?}");
            if let Source::Fault(kind) = source {
                assert_eq!(name.to_str(), Ok(Fault::NAMES[*kind]));
            }
        }
    }
}
