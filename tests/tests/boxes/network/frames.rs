//! Frames of every size, whole, in order, none missing.

use std::time::Duration;

use tests::Scene;
use tests::fixture::{KERNELS, STABLE};
use tests::instance::Instance;
use tests::network::{CARD, FRAMES_PORT};
use tests::scene::{Booted, box_file, networked};

const LIMIT: Duration = Duration::from_secs(240);

/// Sockets whose buffers hold a burst of each of a hundred flows, whatever the kernel accounts for a short datagram.
const WIDE_SOCKETS: &str = "echo 16777216 > /proc/sys/net/core/rmem_default";

/// Starts the receiving program in every instance, once all links are up and everybody knows everybody's address: Linux
/// lets a frame overtake those that have waited for an answer to ARP.
pub(crate) fn receive_everywhere(booted: &Booted) {
    booted.await_links();
    for_each_pair(booted, |from, to| {
        from.run(&format!("ping -q -c 1 -W 10 {}", to.address()));
    });
    for instance in booted.instances() {
        instance.run(WIDE_SOCKETS);
        instance.start("receive", &format!("datagrams receive {FRAMES_PORT}"));
        instance.wait_until("grep -q receiving /tmp/receive.out", Duration::from_secs(20), "cat /tmp/receive.out");
    }
}

/// Each instance with each other.
fn for_each_pair(booted: &Booted, run: impl Fn(&Instance<'_>, &Instance<'_>)) {
    for from in &booted.instances() {
        for to in booted.instances().iter().filter(|to| to.plan.index != from.plan.index) {
            run(from, to);
        }
    }
}

/// From each instance to each other, all at once.
pub(crate) fn everybody_to_everybody(booted: &Booted, arguments: &str) {
    for_each_pair(booted, |from, to| {
        let job = format!("to-{}", to.plan.name);
        from.start(&job, &format!("datagrams send {}:{FRAMES_PORT} {arguments}", to.address()));
    });
    for_each_pair(booted, |from, to| {
        let output = from.finish(&format!("to-{}", to.plan.name), LIMIT);
        assert!(output.starts_with("sent "), "{output}");
    });
    for instance in booted.instances() {
        instance.assert_undisturbed();
    }
}

#[test]
fn every_length_crosses_in_both_directions_at_once() {
    let booted = Scene::new(&box_file([networked("web", STABLE, 2), networked("db", STABLE, 2)])).boot();
    for instance in booted.instances() {
        instance.run(&format!("ip link set {CARD} mtu 65535"));
    }
    receive_everywhere(&booted);
    everybody_to_everybody(&booted, "5000 64 1514");
    everybody_to_everybody(&booted, "1000 64 65549");
}

#[test]
fn in_a_box_of_four_every_pair_talks_at_the_same_time() {
    let names = ["a", "b", "c", "d"];
    let booted = Scene::new(&box_file(names.map(|name| networked(name, STABLE, 1)))).boot();
    receive_everywhere(&booted);
    everybody_to_everybody(&booted, "1500 64 1514");
}

#[test]
fn three_different_kernels_lose_nothing_between_them() {
    let name = |line: &str| format!("linux-{}", line.replace('.', "-"));
    let booted = Scene::new(&box_file(KERNELS.map(|line| networked(&name(line), line, 1)))).boot();
    for instance in booted.instances() {
        instance.run(&format!("ip link set {CARD} mtu 9000"));
    }
    receive_everywhere(&booted);
    everybody_to_everybody(&booted, "1500 64 9014");
}
