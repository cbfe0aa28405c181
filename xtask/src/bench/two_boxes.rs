//! Two boxes, each an emulated machine of its own, whose network cards are joined by a wire. In each, `web` owns the card
//! and leads to it; `db` owns none.

use std::path::Path as FilePath;
use std::time::Duration;

use anyhow::{Context, Result};
use cli::bench::campaign::EMULATED_PROCESSOR;
use cli::emulated::{EmulatedDevice, EmulatedMachine};
use cli::launch::{Launch, RunningBox};
use cli::qemu::Accelerator;
use cli::shell::Shell;
use cli::source::Source;
use serde_json::Value;

use super::iperf::{Protocol, UDP_PAYLOAD};
use crate::box_file;
use crate::places::Places;
use crate::setup::KernelLine;

const BOXES: [&str; 2] = ["left", "right"];
const BOOT_LIMIT: Duration = Duration::from_secs(180);
const COMMAND_LIMIT: Duration = Duration::from_secs(90);
/// What a test may take beyond its time.
const GRACE: Duration = Duration::from_secs(60);

/// By what way frames go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Path {
    /// From card to card, within the owners.
    Cards,
    /// From `db` to `db`, each owner bridging the virtual Ethernet and its card.
    Bridge,
    /// From `db` to `db`, each owner bridging the virtual Ethernet and a tunnel between the cards.
    Tunnel,
    /// From `db` to the owner of its own box's card, over the virtual Ethernet alone.
    Within,
}

impl Path {
    pub(super) const ALL: [Path; 4] = [Path::Cards, Path::Bridge, Path::Tunnel, Path::Within];

    /// As figures name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Path::Cards => "card to card",
            Path::Bridge => "db to db, bridged",
            Path::Tunnel => "db to db, by VXLAN",
            Path::Within => "db to web, in a box",
        }
    }

    fn destination(self) -> &'static str {
        match self {
            Path::Cards => "192.0.2.2",
            Path::Bridge | Path::Tunnel => "10.83.2.2",
            Path::Within => "10.83.1.1",
        }
    }

    /// Which port the bridges of both owners have beside the virtual Ethernet. A card that is one answers to no address.
    fn outer_port(self) -> Option<&'static str> {
        match self {
            Path::Bridge => Some("eth0"),
            Path::Tunnel => Some("vx0"),
            Path::Cards | Path::Within => None,
        }
    }
}

/// Both boxes, which run until this is dropped.
pub(super) struct TwoBoxes {
    boxes: [RunningBox; 2],
}

impl TwoBoxes {
    /// Starts both, whose wire lies in `folder`, and joins their networks.
    pub(super) fn start(places: &Places, line: KernelLine, folder: &FilePath) -> Result<TwoBoxes> {
        let start = |number: usize| start(places, line, folder, number);
        let boxes = TwoBoxes { boxes: [start(1)?, start(2)?] };
        for number in [1, 2] {
            boxes.join(number)?;
        }
        Ok(boxes)
    }

    /// Prepares both ways out of a box: the bridge with the card, which another port may replace, and the tunnel.
    fn join(&self, number: usize) -> Result<()> {
        let [web, db] = [self.shell(number, "web")?, self.shell(number, "db")?];
        for shell in [&web, &db] {
            shell.console().wait_for("sprig-network: vni0 has ", BOOT_LIMIT)?;
            shell.console().wait_for("# ", BOOT_LIMIT)?;
            shell.settle()?;
            shell.run("iperf3 --server --daemon", COMMAND_LIMIT)?;
        }
        let (own, other) = (number, 3 - number);
        let commands = [
            "sprig-gateway bridge eth0".to_owned(),
            // A frame of the virtual Ethernet has 50 bytes more within the tunnel.
            format!("ip address add 192.0.2.{own}/24 dev eth0; ip link set eth0 mtu 1550"),
            format!("ip link add vx0 type vxlan id 83 local 192.0.2.{own} remote 192.0.2.{other} dstport 4789"),
            "ip link set vx0 mtu 1500 up".to_owned(),
        ];
        for command in commands {
            web.run(&command, COMMAND_LIMIT)?;
        }
        Ok(())
    }

    /// What arrives by that way, in bit/s.
    pub(super) fn measure(&self, path: Path, protocol: Protocol, seconds: u32) -> Result<f64> {
        for number in [1, 2] {
            let port = path.outer_port().map_or(String::new(), |port| format!("; ip link set {port} master br0"));
            let command = format!("ip link set eth0 nomaster; ip link set vx0 nomaster{port}");
            self.shell(number, "web")?.run(&command, COMMAND_LIMIT)?;
        }
        let from = self.shell(1, if path == Path::Cards { "web" } else { "db" })?;
        let to = path.destination();
        from.wait_until(&format!("ping -c 1 -W 2 {to} > /dev/null"), COMMAND_LIMIT, "ip neighbour")?;
        let udp = format!("--udp --bitrate 0 --length {UDP_PAYLOAD}");
        let arguments = if protocol == Protocol::Udp { &*udp } else { "" };
        let client = format!("iperf3 --json --interval 0 --client {to} --time {seconds} {arguments}");
        from.start("iperf", &format!("{client} 2> /dev/null"))?;
        let said = from.finish("iperf", Duration::from_secs(seconds.into()) + GRACE)?;
        let report: Value = serde_json::from_str(&said).with_context(|| format!("iperf3 printed no JSON: {said}"))?;
        arrived(&report, protocol).with_context(|| format!("iperf3 told no figures: {}", report["error"]))
    }

    fn shell(&self, number: usize, partition: &str) -> Result<Shell> {
        let console = self.boxes[number - 1].console(partition);
        Ok(Shell::new(console.with_context(|| format!("{partition} has no console"))?.clone()))
    }
}

/// Of datagrams, without those that were lost.
fn arrived(report: &Value, protocol: Protocol) -> Option<f64> {
    let sum = &report["end"]["sum_received"];
    match protocol {
        Protocol::Tcp => sum["bits_per_second"].as_f64(),
        Protocol::Udp => {
            let packets = sum["packets"].as_f64()? - sum["lost_packets"].as_f64()?;
            let seconds = sum["seconds"].as_f64().filter(|seconds| *seconds > 0.0)?;
            Some(packets * f64::from(UDP_PAYLOAD) * 8.0 / seconds)
        }
    }
}

fn start(places: &Places, line: KernelLine, folder: &FilePath, number: usize) -> Result<RunningBox> {
    let file = box_file::gateway(places, line, BOXES[number - 1], number, folder)?;
    let source = Source::read(&file)?;
    let [own, other] = [number, 3 - number].map(|number| folder.join(format!("wire{number}")));
    let (own, other) = (own.display(), other.display());
    let back_end = format!("dgram,local.type=unix,local.path={own},remote.type=unix,remote.path={other}");
    let needed = EmulatedMachine::needed_by(source.request());
    let machine = EmulatedMachine { devices: vec![EmulatedDevice::VirtioNet(back_end)], ..needed };
    // QEMU gives the first card of every machine the same address.
    let mac = format!("virtio-net-pci.mac=52:54:00:00:00:0{number}");
    let launch = Launch::new(&source, places.boot_image()).machine(machine).argument("-global").argument(mac);
    // As in `sprig bench`: a kernel that believes in fast `rep movsb` copies several times slower where that is emulated.
    Ok(match Accelerator::best() {
        Accelerator::Kvm => launch.start()?,
        Accelerator::Tcg => launch.processor(EMULATED_PROCESSOR).start()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lost_datagrams_have_not_arrived() {
        let sum = json!({ "bits_per_second": 5e6, "packets": 80, "lost_packets": 30, "seconds": 2.0 });
        let report = json!({ "end": { "sum_received": sum } });
        assert_eq!(arrived(&report, Protocol::Udp), Some(50.0 * 1472.0 * 8.0 / 2.0));
        assert_eq!(arrived(&report, Protocol::Tcp), Some(5e6));
        assert_eq!(arrived(&json!({ "error": "unable to connect" }), Protocol::Udp), None);
    }
}
