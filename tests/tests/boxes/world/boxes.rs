//! Two boxes, each an emulated machine of its own, whose cards are joined by a wire.

use std::time::Duration;

use emulator::emulated::{EmulatedDevice, EmulatedMachine, Wire};
use emulator::launch::LaunchOptions;
use serde_json::Value;
use tests::fixture::STABLE;
use tests::network::CARD;
use tests::scene::{Booted, box_file, networked};
use tests::{Instance, Scene};

const LIMIT: Duration = Duration::from_secs(120);
/// Their names differ, since the addresses of their cards are made of them.
const BOXES: [&str; 2] = ["left", "right"];

/// Two boxes on one wire. In each, `web` owns the card, `db` owns none.
struct World {
    left: Booted,
    right: Booted,
    _scenes: [Scene; 2],
    _wire: Wire,
}

impl World {
    fn boot() -> Self {
        let wire = Wire::new().expect("a folder for the wire");
        let scenes = [1, 2].map(scene);
        let [left, right] = [0, 1].map(|end| boot(&scenes[end], &wire, end));
        Self { left, right, _scenes: scenes, _wire: wire }
    }

    fn webs(&self) -> [Instance<'_>; 2] {
        [self.left.instance("web"), self.right.instance("web")]
    }

    fn dbs(&self) -> [Instance<'_>; 2] {
        [self.left.instance("db"), self.right.instance("db")]
    }

    /// Asserts that the partitions without a card reach each other directly, and not through a router.
    fn assert_joined(&self) {
        let [near, far] = self.dbs();
        near.run("ping -c 3 -W 5 10.83.2.2");
        near.run("ping -6 -c 3 -W 5 fd83::2:2");
        far.run("ping -c 3 -W 5 10.83.1.2");
        let mac = far.run(&format!("cat /sys/class/net/{CARD}/address"));
        assert!(near.run(&format!("ip neigh show 10.83.2.2 dev {CARD}")).contains(&mac), "{mac} is found");
    }

    fn assert_undisturbed(&self) {
        for instance in self.left.instances().iter().chain(&self.right.instances()) {
            instance.assert_undisturbed();
        }
    }
}

/// The box file of that number.
fn scene(number: usize) -> Scene {
    let words = format!("cmdline = \"sprig.network={number}\"\n");
    let web = networked("web", STABLE, 1) + &words + "devices = [\"class:network\"]\n";
    let file = box_file([web, networked("db", STABLE, 1) + &words]);
    Scene::new(&file.replace("\"test\"", &format!("{:?}", BOXES[number - 1])))
}

fn boot(scene: &Scene, wire: &Wire, end: usize) -> Booted {
    let needed = EmulatedMachine::needed_by(scene.source().request());
    let machine = EmulatedMachine { devices: vec![EmulatedDevice::VirtioNet(wire.back_end(end))], ..needed };
    let booted = scene.boot_with(LaunchOptions::on(machine).arguments(Wire::arguments(end)));
    booted.await_links();
    booted
}

fn assert_bridged(web: &Instance<'_>, port: &str) {
    let output = web.run(&format!("sprig-gateway bridge {port}"));
    assert_eq!(output, format!("sprig-gateway: br0 joins {CARD} and {port}; nobody there answers by DHCP"));
}

/// Asserts that iperf3 gets through, by TCP and by UDP. `cargo xtask bench boxes` measures the speed.
fn assert_carries(from: &Instance<'_>, to: &Instance<'_>, address: &str) {
    to.run("iperf3 -s -D");
    to.wait_until("netstat -ltn | grep -q :5201", LIMIT, "ps");
    for arguments in ["", "-u -b 10M -l 1472"] {
        from.start("iperf", &format!("iperf3 -J -i 0 -t 2 -c {address} {arguments} 2> /dev/null"));
        let output = from.finish("iperf", LIMIT);
        let result: Value = serde_json::from_str(&output).unwrap_or_else(|error| panic!("{error}:\n{output}"));
        let rate = result["end"]["sum_received"]["bits_per_second"].as_f64().unwrap_or_default();
        assert!(rate > 0.0, "{arguments}: {output}");
    }
}

#[test]
fn two_boxes_reach_each_other_over_their_cards() {
    let world = World::boot();
    for web in world.webs() {
        assert_bridged(&web, "eth0");
    }
    world.assert_joined();
    let [near, far] = world.dbs();
    assert_carries(&near, &far, "10.83.2.2");
    world.assert_undisturbed();
}

#[test]
fn two_boxes_reach_each_other_through_a_tunnel_between_their_cards() {
    let world = World::boot();
    for (web, [own, other]) in world.webs().iter().zip([[1, 2], [2, 1]]) {
        web.run("modprobe virtio_net");
        // A frame of the virtual Ethernet has 50 bytes more within the tunnel.
        web.run(&format!("ip address add 192.0.2.{own}/24 dev eth0; ip link set eth0 mtu 1550 up"));
        web.run(&format!("ip link add vx0 type vxlan id 83 local 192.0.2.{own} remote 192.0.2.{other} dstport 4789"));
        assert_bridged(web, "vx0");
    }
    world.assert_joined();
    let [near, far] = world.dbs();
    assert_carries(&near, &far, "10.83.2.2");
    world.assert_undisturbed();
}
