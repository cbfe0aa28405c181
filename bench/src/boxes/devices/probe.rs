//! Reads from a disk, and streams through a network card, by the agent.

use std::time::Duration;

use bench_agent::{Order, Transfer};
use serde::Serialize;

use super::device::Device;
use super::testbed::Servers;
use crate::boxes::commands::Commands;
use crate::boxes::spec::Metric;
use crate::model::Case;
use crate::probe::{Probe, Sample};

/// Whether a stream leaves the machine or comes to it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[serde(rename_all = "kebab-case")]
enum StreamDirection {
    Out,
    In,
}

/// Bytes or bits per second.
struct DeviceProbe {
    commands: Commands,
    /// What the agent does.
    arguments: String,
    /// The unit's share of a byte.
    units_per_byte: f64,
    duration: Duration,
    case: Case,
}

/// All probes of a device.
pub(super) fn probes(device: &Device, servers: &Servers, duration: Duration) -> [Box<dyn Probe>; 2] {
    let seconds = duration.as_secs().max(1);
    let case = |unit| {
        let metric = device.owned.driver.metric.to_string();
        let case = Case::new(&metric, &device.subject.to_string(), unit);
        case.with("device", device.owned.label()).with("partition", &device.owned.partition_name)
    };
    let read = |(bytes, order): (u32, Order)| -> Box<dyn Probe> {
        let case = case("B/s").with("request_bytes", bytes).with("order", order);
        let arguments = format!("read /dev/{} {bytes} {} {seconds}", device.name, case.parameters["order"]);
        Box::new(DeviceProbe { commands: device.commands.clone(), arguments, units_per_byte: 1.0, duration, case })
    };
    let stream = |direction| -> Box<dyn Probe> {
        let arguments = match direction {
            StreamDirection::Out => format!("give {} {seconds}", servers.sink.address()),
            StreamDirection::In => format!("take {} {seconds}", servers.source.address()),
        };
        let case = case("bit/s").with("direction", direction);
        Box::new(DeviceProbe { commands: device.commands.clone(), arguments, units_per_byte: 8.0, duration, case })
    };
    match device.owned.driver.metric {
        Metric::Network => [StreamDirection::Out, StreamDirection::In].map(stream),
        _ => [(1 << 20, Order::Sequential), (4096, Order::Random)].map(read),
    }
}

impl Probe for DeviceProbe {
    fn case(&self) -> &Case {
        &self.case
    }

    fn sample(&mut self, (): &mut ()) -> anyhow::Result<Sample> {
        let report: Transfer = self.commands.measure("bench-agent", &self.arguments, self.duration)?;
        Ok(Sample::of(report.rate() * self.units_per_byte))
    }

    fn recover(&mut self) -> anyhow::Result<()> {
        self.commands.settle()
    }
}
