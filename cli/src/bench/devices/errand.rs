//! What is asked of a device, and what a sample of it says.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::driven::Driven;
use super::outside::Outside;
use crate::bench::fault::Fault;
use crate::bench::model::Parameter;
use crate::bench::task::Reading;
use crate::bench::wish::What;

/// A question to a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::bench) enum Errand {
    /// To a disk: reads of so many bytes.
    Read(u32, Order),
    /// To a network card: a TCP stream.
    Stream(Way),
}

/// In which order a disk is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::bench) enum Order {
    Sequential,
    Random,
}

/// Whether a stream leaves the machine or comes to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::bench) enum Way {
    Out,
    In,
}

/// What `bench-agent` tells of either.
#[derive(Deserialize)]
struct Moved {
    bytes: u64,
    seconds: f64,
}

impl Errand {
    /// All of them.
    pub(in crate::bench) const ALL: [Errand; 4] = [
        Errand::Read(1 << 20, Order::Sequential),
        Errand::Read(4096, Order::Random),
        Errand::Stream(Way::Out),
        Errand::Stream(Way::In),
    ];

    pub(in crate::bench) fn what(self) -> What {
        match self {
            Errand::Read(..) => What::Disk,
            Errand::Stream(_) => What::Network,
        }
    }

    pub(in crate::bench) fn unit(self) -> &'static str {
        match self {
            Errand::Read(..) => "B/s",
            Errand::Stream(_) => "bit/s",
        }
    }

    pub(in crate::bench) fn parameters(self, driven: &Driven) -> BTreeMap<String, Parameter> {
        let word = |word: &str| Parameter::Word(word.to_owned());
        let mut parameters = vec![("device", word(&driven.device())), ("partition", word(driven.partition()))];
        match self {
            Errand::Read(bytes, order) => {
                parameters.push(("request_bytes", Parameter::Number(f64::from(bytes))));
                parameters.push(("order", word(order.name())));
            }
            Errand::Stream(way) => parameters.push(("direction", word(way.name()))),
        }
        parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Asks it once.
    pub(in crate::bench) fn ask(self, driven: &Driven, outside: &Outside, sample: Duration) -> Result<Reading, Fault> {
        let seconds = sample.as_secs().max(1);
        let (program, bits) = match self {
            Errand::Read(bytes, order) => {
                (format!("bench-agent read {} {bytes} {} {seconds}", driven.file(), order.name()), 1.0)
            }
            Errand::Stream(way) => {
                let (verb, address) = match way {
                    Way::Out => ("give", outside.sink()),
                    Way::In => ("take", outside.source()),
                };
                (driven.within(&format!("bench-agent {verb} {address} {seconds}")), 8.0)
            }
        };
        let said = driven.measure(&program, sample)?;
        let fault = |_| Fault::Program {
            end: driven.shell().console().name().to_owned(),
            program: "bench-agent",
            said: said.clone(),
        };
        let moved: Moved = serde_json::from_str(&said).map_err(fault)?;
        Ok(Reading::of(moved.bytes as f64 * bits / moved.seconds.max(f64::MIN_POSITIVE)))
    }

    /// For people.
    pub(in crate::bench) fn told(self) -> String {
        match self {
            Errand::Read(bytes, order) => format!("{} reads of {bytes} bytes", order.name()),
            Errand::Stream(way) => format!("a stream {}", way.name()),
        }
    }
}

impl Order {
    fn name(self) -> &'static str {
        match self {
            Order::Sequential => "sequential",
            Order::Random => "random",
        }
    }
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::Out => "out",
            Way::In => "in",
        }
    }
}
