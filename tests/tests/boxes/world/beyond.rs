//! From a partition without a card to a server outside of the box, through a partition with one. QEMU's user network
//! verifies checksums as any host does, and the test captures the card's packets and verifies them again.

use std::time::Duration;

use emulator::emulated::{EmulatedDevice, EmulatedMachine};
use emulator::launch::LaunchOptions;
use emulator::user_network::HOST;
use tests::fixture::STABLE;
use tests::network::CARD;
use tests::scene::{Booted, box_file, networked};
use tests::server::{FileServer, echo_datagrams};
use tests::{Instance, Scene, wire};

const LIMIT: Duration = Duration::from_secs(120);
/// The card, in the partition that owns it.
const OUTSIDE: &str = "eth0";
/// The same host by IPv6.
const HOST_6: &str = "fec0::2";
/// The address that QEMU's user network leases first.
const LEASED: [u8; 4] = [10, 0, 2, 15];
const FILE_BYTES: u32 = 3 << 20;
/// Lengths of datagrams: one byte, an odd number, and the most that fits.
const DATAGRAMS: [usize; 3] = [1, 777, 1472];

/// A box in which `web`, on a kernel of that line, owns the card and `db` has none, and the file that captures the
/// card's packets.
struct World {
    scene: Scene,
    card: EmulatedDevice,
}

impl World {
    fn new(line: &str, card: EmulatedDevice) -> Self {
        let web = networked("web", line, 1) + "devices = [\"class:network\"]\n";
        Self { scene: Scene::new(&box_file([web, networked("db", STABLE, 1)])), card }
    }

    fn boot(&self) -> Booted {
        let machine = EmulatedMachine {
            devices: vec![self.card.clone()],
            ..EmulatedMachine::needed_by(self.scene.source().request())
        };
        let dump = format!("filter-dump,id=wire,netdev=back-end0,file={}", self.scene.path("wire").display());
        let booted = self.scene.boot_with(LaunchOptions::on(machine).arguments(["-object", &dump]));
        booted.await_links();
        booted
    }

    /// Asserts that every packet that the card has sent by now was right, and that there were some of both kinds.
    fn assert_checksums_are_completed(&self, source: [u8; 4]) {
        let checked = wire::check(&self.scene.path("wire"), source);
        println!("on the wire: {} of TCP, {} of UDP right, {} wrong", checked.tcp, checked.udp, checked.wrong.len());
        assert!(checked.wrong.is_empty(), "wrong checksums: {:#?}", checked.wrong);
        assert!(checked.tcp > 1000 && checked.udp >= DATAGRAMS.len(), "{checked:?}");
    }
}

/// Bytes of a linear congruential generator, which do not repeat soon.
fn file() -> Vec<u8> {
    let next = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some((*state >> 24) as u8)
    };
    std::iter::repeat_n((), FILE_BYTES as usize).scan(1, |state, ()| next(state)).collect()
}

/// Fetches a file and brings it back, both by TCP, and has datagrams sent back.
fn assert_reaches_a_server(db: &Instance<'_>) {
    let sent = file();
    let server = FileServer::start(sent.clone());
    let port = server.port;
    let fetch = format!("socat -u TCP:{HOST}:{port} CREATE:/tmp/fetched");
    let bring = format!("socat -u OPEN:/tmp/fetched TCP:{HOST}:{port}");
    db.start("file", &format!("{fetch} && {bring}"));
    db.finish("file", LIMIT);
    assert!(server.taken() == sent, "the file came back as it was");

    let port = echo_datagrams();
    for len in DATAGRAMS {
        db.run(&format!("head -c {len} /tmp/fetched > /tmp/sent; rm -f /tmp/echoed"));
        let echo =
            format!("socat -b 2000 -t 20 OPEN:/tmp/sent\\!\\!CREATE:/tmp/echoed UDP:{HOST}:{port},readbytes={len}");
        db.run(&echo);
        db.run("cmp /tmp/sent /tmp/echoed");
    }
}

fn assert_goes_out_under_the_address_of_web(world: &World) -> Booted {
    let booted = world.boot();
    let (web, db) = (booted.instance("web"), booted.instance("db"));
    assert_eq!(
        web.run(&format!("sprig-gateway nat {OUTSIDE}")),
        format!("sprig-gateway: others go out by {OUTSIDE} as 10.0.2.15/24, if their router is 10.83.0.1")
    );
    db.run(&format!("ip route replace default via {}", web.address()));
    assert_reaches_a_server(&db);
    world.assert_checksums_are_completed(LEASED);
    booted
}

fn assert_undisturbed(booted: &Booted) {
    for instance in booted.instances() {
        instance.assert_undisturbed();
    }
}

#[test]
fn a_partition_without_a_card_reaches_a_server_beyond_the_box() {
    let world = World::new(STABLE, EmulatedDevice::VirtioNet("user".into()));
    let booted = assert_goes_out_under_the_address_of_web(&world);
    // A second call changes nothing, and connections from outside are refused.
    let web = booted.instance("web");
    web.run(&format!("sprig-gateway nat {OUTSIDE}"));
    assert_eq!(web.run("nft list ruleset | grep -c masquerade"), "1");
    let db = booted.instance("db");
    db.run(&format!("ping -c 1 -W 5 {HOST}"));
    db.run("ip -6 route replace default via fd83::1");
    db.run(&format!("ping -6 -c 3 -W 10 {HOST_6}"));
    assert_undisturbed(&booted);
}

#[test]
fn checksums_are_completed_by_a_card_and_by_the_kernel_in_its_place() {
    let world = World::new("6.1", EmulatedDevice::E1000e("user".into()));
    let booted = assert_goes_out_under_the_address_of_web(&world);
    let features = format!("ethtool -k {OUTSIDE} | grep -E '^(tx-checksumming|tcp-segmentation-offload):'");
    let web = booted.instance("web");
    assert_eq!(web.run(&features), "tx-checksumming: on\ntcp-segmentation-offload: on");
    web.run(&format!("ethtool -K {OUTSIDE} tx off"));
    assert_eq!(web.run(&features), "tx-checksumming: off\ntcp-segmentation-offload: off");
    assert_reaches_a_server(&booted.instance("db"));
    world.assert_checksums_are_completed(LEASED);
    assert_undisturbed(&booted);
}

#[test]
fn behind_a_bridge_every_partition_has_an_address_of_the_world() {
    let world = World::new("7.2", EmulatedDevice::VirtioNet("user".into()));
    let booted = world.boot();
    let (web, db) = (booted.instance("web"), booted.instance("db"));
    assert_eq!(
        web.run(&format!("sprig-gateway bridge {OUTSIDE}")),
        format!("sprig-gateway: br0 joins {CARD} and {OUTSIDE}, and has 10.0.2.15/24")
    );
    db.run(&format!("udhcpc -i {CARD} -n -q > /dev/null 2>&1"));
    assert!(db.run(&format!("ip -4 address show dev {CARD} | cat")).contains("10.0.2.16/24"));
    assert_reaches_a_server(&db);
    world.assert_checksums_are_completed([10, 0, 2, 16]);
    // They still have their own addresses, and SSH its names.
    assert_eq!(db.run("ssh web hostname"), "web");
    assert_undisturbed(&booted);
}

#[test]
fn the_gateway_says_in_one_line_what_is_missing() {
    let scene = Scene::new(&box_file([networked("web", STABLE, 1)]));
    let booted = scene.boot();
    let web = booted.instance("web");
    let output = |command: &str| web.try_run(command);
    assert_eq!(
        output("sprig-gateway"),
        ("sprig-gateway: nothing done: usage: sprig-gateway nat CARD | sprig-gateway bridge CARD".to_owned(), 2)
    );
    assert_eq!(
        output("sprig-gateway nat eth0"),
        ("sprig-gateway: nothing done: there is no card eth0; this partition has lo vni0".to_owned(), 1)
    );
    web.run("modprobe dummy numdummies=1");
    assert_eq!(
        output("sprig-gateway nat dummy0"),
        ("sprig-gateway: no way out: dummy0 has no address, and nobody answers by DHCP".to_owned(), 1)
    );
}
