//! What a network card is expected to carry, beside TCP.

use tests::Scene;
use tests::fixture::STABLE;
use tests::network::CARD;
use tests::scene::{Booted, box_file, networked};

fn pair() -> Booted {
    let booted = Scene::new(&box_file([networked("web", STABLE, 2), networked("db", STABLE, 2)])).boot();
    booted.await_links();
    booted
}

#[test]
fn ping_arp_ipv6_and_multicast_reach_the_peer() {
    let booted = pair();
    let (web, db) = (booted.instance("web"), booted.instance("db"));
    web.run("ping -c 3 -W 5 db");
    let mac = db.run(&format!("cat /sys/class/net/{CARD}/address"));
    assert!(web.run(&format!("ip neigh show dev {CARD}")).contains(&mac), "ARP found {mac}");

    let local = db.run(&format!("ip -6 -o addr show dev {CARD} scope link | awk '{{print $4}}' | cut -d/ -f1"));
    web.run(&format!("ping -6 -c 3 -W 5 {local}%{CARD}"));
    assert!(web.run(&format!("ip -6 neigh show dev {CARD}")).contains(&mac), "neighbour discovery found {mac}");
    web.run("ping -6 -c 3 -W 5 fd83::2");

    let answers = web.run(&format!("ping -6 -c 3 -W 5 ff02::1%{CARD}"));
    assert!(answers.contains(&local), "the peer answers to all nodes:\n{answers}");
    for instance in booted.instances() {
        instance.assert_undisturbed();
    }
}
