//! Reads from a disk, and streams through a network card, by the agent.

use std::time::Duration;

use bench_agent::{Order, Transfer};
use emulator::user_network::Server;

use super::Servers;
use super::device::Device;
use crate::boxes::commands::Commands;
use crate::boxes::spec::Metric;
use crate::model::Case;
use crate::probe::{Probe, Sample};

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
    let (metric, seconds) = (device.owned.metric(), duration.as_secs().max(1));
    let case = |unit| {
        let case = Case::new(&metric.to_string(), &device.subject.to_string(), unit);
        case.with("device", device.owned.label()).with("partition", &device.owned.partition_name)
    };
    let probe = |case, units_per_byte, arguments| -> Box<dyn Probe> {
        Box::new(DeviceProbe { commands: device.commands.clone(), arguments, units_per_byte, duration, case })
    };
    let read = |bytes: u32, order: Order| {
        let case = case("B/s").with("request_bytes", bytes).with("order", order);
        let order = case.parameters["order"].to_string();
        probe(case, 1.0, format!("read /dev/{} {bytes} {order} {seconds}", device.name))
    };
    // A stream leaves the machine, or comes to it.
    let stream = |direction: &str, command, server: &Server| {
        probe(case("bit/s").with("direction", direction), 8.0, format!("{command} {} {seconds}", server.address()))
    };
    match metric {
        Metric::Network => [stream("out", "give", &servers.sink), stream("in", "take", &servers.source)],
        _ => [read(1 << 20, Order::Sequential), read(4096, Order::Random)],
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
