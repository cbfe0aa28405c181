//! What is asked of a path, and what a sample of it says.

use std::collections::BTreeMap;
use std::time::Duration;

use super::end::Path;
use super::fault::Fault;
use super::gauge;
use super::iperf;
use super::model::Parameter;
use super::wish::{Subject, What};

/// A question that can be asked of any path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Task {
    Tcp(Offload, Direction),
    Udp(Direction),
    /// Of so many bytes, Ethernet header included.
    Frames(u32, Direction),
    RoundTrip(Wait),
}

/// Whether the cards take work off the stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Offload {
    /// As they are.
    On,
    /// Paper mode: 1,500-byte frames, each with its checksum computed by the stack.
    Off,
}

/// Who sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    OneWay,
    BothWays,
}

/// How both ends of a round trip wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wait {
    Sleeping,
    Polling,
}

/// A sample.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Reading {
    /// In the task's unit.
    pub(super) value: f64,
    /// Of how many that were sent ...
    pub(super) sent: f64,
    /// ... how many did not arrive.
    pub(super) lost: f64,
    /// Of how many that were looked at ...
    pub(super) checked: f64,
    /// ... how many were not as they had been sent.
    pub(super) corrupt: f64,
    /// What 99 of a hundred round trips did not exceed.
    pub(super) percentile_99: Option<f64>,
    /// How many took that long, as (upper bound, count).
    pub(super) distribution: Vec<(f64, u64)>,
}

impl Reading {
    pub(super) fn of(value: f64) -> Reading {
        Reading { value, ..Reading::default() }
    }

    pub(super) fn lost(self, lost: f64, sent: f64) -> Reading {
        Reading { sent, lost, ..self }
    }

    /// Adds what is counted in another sample. Of what most round trips did not exceed, the worst sample's is kept.
    pub(super) fn add(&mut self, other: &Reading) {
        self.sent += other.sent;
        self.lost += other.lost;
        self.checked += other.checked;
        self.corrupt += other.corrupt;
        self.percentile_99 = self.percentile_99.into_iter().chain(other.percentile_99).reduce(f64::max);
        for (bound, count) in &other.distribution {
            match self.distribution.binary_search_by(|(known, _)| known.total_cmp(bound)) {
                Ok(place) => self.distribution[place].1 += count,
                Err(place) => self.distribution.insert(place, (*bound, *count)),
            }
        }
    }
}

impl Task {
    pub(super) fn what(self) -> What {
        match self {
            Task::Tcp(..) => What::Tcp,
            Task::Udp(_) => What::Udp,
            Task::Frames(..) => What::Frames,
            Task::RoundTrip(_) => What::RoundTrip,
        }
    }

    pub(super) fn unit(self) -> &'static str {
        match self {
            Task::Tcp(..) | Task::Udp(_) | Task::Frames(..) => "bit/s",
            Task::RoundTrip(_) => "ns",
        }
    }

    /// How the cards are to be set.
    pub(super) fn offload(self) -> Offload {
        match self {
            Task::Tcp(offload, _) => offload,
            Task::Udp(_) | Task::Frames(..) | Task::RoundTrip(_) => Offload::On,
        }
    }

    pub(super) fn parameters(self) -> BTreeMap<String, Parameter> {
        let word = |word: &str| Parameter::Word(word.to_owned());
        let parameters = match self {
            Task::Tcp(offload, direction) => {
                vec![("offload", word(offload.name())), ("direction", word(direction.name()))]
            }
            Task::Udp(direction) => vec![
                ("datagram_bytes", Parameter::Number(f64::from(iperf::DATAGRAM_BYTES))),
                ("direction", word(direction.name())),
            ],
            Task::Frames(bytes, direction) => {
                vec![("frame_bytes", Parameter::Number(f64::from(bytes))), ("direction", word(direction.name()))]
            }
            Task::RoundTrip(wait) => vec![("receiver", word(wait.name()))],
        };
        parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Whether it means something for this subject: a loopback carries no frames that could be like a card's.
    pub(super) fn suits(self, subject: Subject) -> bool {
        match self {
            // Both floods of one card would be received by both of its receivers.
            Task::Frames(_, Direction::BothWays) => subject != Subject::Loopback,
            _ => subject != Subject::Loopback || self.offload() == Offload::On,
        }
    }

    /// Whether it is asked of every pair, and not of the first alone.
    pub(super) fn is_of_matrix(self) -> bool {
        matches!(
            self,
            Task::Tcp(Offload::On, Direction::OneWay) | Task::Udp(Direction::OneWay) | Task::RoundTrip(Wait::Sleeping)
        )
    }

    /// Asks it once.
    pub(super) fn ask(self, path: &Path, sample: Duration) -> Result<Reading, Fault> {
        match self {
            Task::Tcp(_, direction) => iperf::tcp(path, direction, sample),
            Task::Udp(direction) => iperf::udp(path, direction, sample),
            Task::Frames(bytes, direction) => gauge::frames(path, bytes, direction, sample),
            Task::RoundTrip(wait) => gauge::round_trip(path, wait, sample),
        }
    }

    /// For people.
    pub(super) fn told(self) -> String {
        let words = self.parameters().into_iter().map(|(name, value)| match value {
            Parameter::Number(number) => format!("{name} {number}"),
            Parameter::Word(word) => format!("{name} {word}"),
        });
        format!("{}, {}", self.what().name(), words.collect::<Vec<_>>().join(", "))
    }
}

impl Offload {
    fn name(self) -> &'static str {
        match self {
            Offload::On => "on",
            Offload::Off => "off",
        }
    }
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Direction::OneWay => "one-way",
            Direction::BothWays => "both-ways",
        }
    }
}

impl Wait {
    pub(super) fn name(self) -> &'static str {
        match self {
            Wait::Sleeping => "sleeping",
            Wait::Polling => "polling",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_of_samples_become_one() {
        let reading = |distribution: &[(f64, u64)], percentile_99| Reading {
            percentile_99: Some(percentile_99),
            distribution: distribution.to_vec(),
            ..Reading::default()
        };
        let mut whole = Reading::default();
        whole.add(&reading(&[(10.0, 1), (20.0, 2)], 20.0));
        whole.add(&reading(&[(5.0, 4), (20.0, 3)], 15.0));
        assert_eq!(whole, reading(&[(5.0, 4), (10.0, 1), (20.0, 5)], 20.0));
    }
}
