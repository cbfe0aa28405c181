//! What is asked of a path, and what a sample of it says.

use std::collections::BTreeMap;
use std::time::Duration;

use super::end::Path;
use super::fault::Fault;
use super::iperf;
use super::model::Parameter;
use super::wish::{Subject, What};

/// A question that can be asked of any path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Task {
    Tcp(Offload, Direction),
    Udp(Direction),
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

/// A sample.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Reading {
    /// In the task's unit.
    pub(super) value: f64,
    /// Of how many that were sent ...
    pub(super) sent: f64,
    /// ... how many did not arrive.
    pub(super) lost: f64,
}

impl Reading {
    pub(super) fn of(value: f64) -> Reading {
        Reading { value, sent: 0.0, lost: 0.0 }
    }

    pub(super) fn lost(self, lost: f64, sent: f64) -> Reading {
        Reading { sent, lost, ..self }
    }
}

impl Task {
    pub(super) fn what(self) -> What {
        match self {
            Task::Tcp(..) => What::Tcp,
            Task::Udp(_) => What::Udp,
        }
    }

    pub(super) fn unit(self) -> &'static str {
        match self {
            Task::Tcp(..) | Task::Udp(_) => "bit/s",
        }
    }

    /// How the cards are to be set.
    pub(super) fn offload(self) -> Offload {
        match self {
            Task::Tcp(offload, _) => offload,
            Task::Udp(_) => Offload::On,
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
        };
        parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Whether it means something for this subject: a loopback carries no frames that could be like a card's.
    pub(super) fn suits(self, subject: Subject) -> bool {
        subject != Subject::Loopback || self.offload() == Offload::On
    }

    /// Whether it is asked of every pair, and not of the first alone.
    pub(super) fn is_of_matrix(self) -> bool {
        matches!(self, Task::Tcp(Offload::On, Direction::OneWay) | Task::Udp(Direction::OneWay))
    }

    /// Asks it once.
    pub(super) fn ask(self, path: &Path, sample: Duration) -> Result<Reading, Fault> {
        match self {
            Task::Tcp(_, direction) => iperf::tcp(path, direction, sample),
            Task::Udp(direction) => iperf::udp(path, direction, sample),
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
