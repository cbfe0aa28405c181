//! What a network card is expected to carry, beside TCP.

use tests::Scene;
use tests::fixture::{KERNELS, STABLE};
use tests::network::CARD;
use tests::scene::{Booted, box_file, networked};

/// All that only looks at a pair, on one.
#[test]
fn the_card_says_what_it_is_and_carries_ping_arp_ipv6_multicast_and_vlans() {
    let booted = Scene::new(&box_file([networked("web", STABLE, 2), networked("db", STABLE, 2)])).boot();
    booted.await_links();
    says_what_it_is(&booted);
    ping_arp_ipv6_and_multicast_reach_the_peer(&booted);
    a_vlan_is_a_network_of_its_own(&booted);
}

fn ping_arp_ipv6_and_multicast_reach_the_peer(booted: &Booted) {
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

fn a_vlan_is_a_network_of_its_own(booted: &Booted) {
    let instances = booted.instances();
    for (number, instance) in (1..).zip(&instances) {
        instance.run(&format!("modprobe 8021q; ip link add link {CARD} name {CARD}.5 type vlan id 5"));
        instance.run(&format!("ip addr add 10.84.0.{number}/24 dev {CARD}.5; ip link set {CARD}.5 up"));
    }
    instances[0].run("ping -c 3 -W 5 -s 1400 10.84.0.2");
    // A frame of the largest MTU with two tags is the longest that there is.
    for (number, instance) in (1..).zip(&instances) {
        for (below, kind, name) in [(CARD, "802.1ad", "outer"), ("outer", "802.1Q", "inner")] {
            instance.run(&format!("ip link add link {below} name {name} type vlan id 7 protocol {kind}"));
        }
        instance.run(&format!("for one in {CARD} outer inner; do ip link set $one up mtu 65535; done"));
        instance.run(&format!("ip addr add 10.86.0.{number}/24 dev inner"));
    }
    instances[0].run("ping -c 3 -W 5 -s 65507 10.86.0.2");
    // A tag that the other end has no interface for leads nowhere.
    instances[0].run(&format!("ip link add link {CARD} name {CARD}.6 type vlan id 6"));
    instances[0].run(&format!("ip addr add 10.85.0.1/24 dev {CARD}.6; ip link set {CARD}.6 up"));
    assert_ne!(instances[0].try_run("ping -c 1 -W 1 10.85.0.2").1, 0);
}

fn says_what_it_is(booted: &Booted) {
    let web = booted.instance("web");
    assert!(web.run(&format!("ethtool -i {CARD}")).contains("driver: sprig_vni"));
    let features = web.run(&format!("ethtool -k {CARD}"));
    for feature in
        ["tx-checksumming: on", "scatter-gather: on", "tcp-segmentation-offload: on", "generic-receive-offload: on"]
    {
        assert!(features.contains(feature), "{feature}:\n{features}");
    }
    assert_eq!(web.run(&format!("cat /sys/class/net/{CARD}/vni/box")), "test");
    assert_eq!(web.run(&format!("cat /sys/class/net/{CARD}/vni/names")), "web\ndb");
    assert_eq!(web.run(&format!("cat /sys/class/net/{CARD}/carrier")), "1");
    web.run("ping -c 1 -W 5 db");
    assert!(web.number(&format!("cat /sys/class/net/{CARD}/statistics/rx_packets")) > 0);
    assert!(web.run(&format!("ip -s link show {CARD}")).contains("mtu 1500"));
}

#[test]
#[ignore = "as in `frames`, with fewer frames: cargo xtask test --matrix"]
fn three_kernels_reach_each_other() {
    let name = |line: &str| format!("linux-{}", line.replace('.', "-"));
    let booted = Scene::new(&box_file(KERNELS.map(|line| networked(&name(line), line, 1)))).boot();
    booted.await_links();
    for from in booted.instances() {
        for to in booted.instances().iter().filter(|to| to.plan.name != from.plan.name) {
            from.run(&format!("ping -c 2 -W 5 {}", to.plan.name));
        }
    }
    for instance in booted.instances() {
        instance.assert_undisturbed();
    }
}

#[test]
fn an_instance_without_the_driver_disturbs_nobody() {
    let without = networked("without", STABLE, 1) + "cmdline = \"sprig.vni=off\"\n";
    let booted = Scene::new(&box_file([networked("web", STABLE, 1), without, networked("db", STABLE, 1)])).boot();
    let (web, db) = (booted.instance("web"), booted.instance("db"));
    for instance in [&web, &db] {
        instance.await_links(1, "up");
    }
    web.run("ping -c 3 -W 5 db");
    assert_ne!(web.try_run("ping -c 1 -W 1 without").1, 0);
    assert_ne!(booted.instance("without").try_run(&format!("ip link show {CARD}")).1, 0);
    for instance in [web, db] {
        instance.assert_undisturbed();
    }
}
