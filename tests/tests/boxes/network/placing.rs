//! Frames that others put into a queue of their choice, and requests that this card cannot meet.

use tests::Scene;
use tests::fixture::KERNELS;
use tests::instance::{COMMAND_LIMIT, Instance};
use tests::network::CARD;
use tests::scene::{Booted, box_file, networked};

/// Frames of one run.
const FRAMES: u64 = 200;

/// An instance on each line of kernels, for all that is asked of its queues.
#[test]
fn frames_find_their_partition_from_any_queue_and_what_cannot_work_is_refused_with_the_reason() {
    let booted = Scene::new(&box_file(KERNELS.map(|line| networked(&name(line), line, 1)))).boot();
    booted.await_links();
    a_frame_goes_to_its_partition_from_whatever_queue_it_was_put_into(&booted);
    sleep_and_bonds_that_cannot_work_are_refused(&booted);
}

fn name(line: &str) -> String {
    format!("linux-{}", line.replace('.', "-"))
}

/// The MAC address of its card.
fn mac(instance: &Instance<'_>) -> String {
    instance.run(&format!("cat /sys/class/net/{CARD}/address"))
}

/// Has the kernel's own load generator send to an address, by the transmit queue of that number.
fn pktgen(from: &Instance<'_>, to: &str, queue: usize) {
    from.run(&format!("echo 'add_device {CARD}' > /proc/net/pktgen/kpktgend_0"));
    for word in [
        format!("count {FRAMES}"),
        format!("dst_mac {to}"),
        format!("queue_map_min {queue}"),
        format!("queue_map_max {queue}"),
    ] {
        from.run(&format!("echo '{word}' > /proc/net/pktgen/{CARD}"));
    }
    from.run("echo start > /proc/net/pktgen/pgctrl; echo rem_device_all > /proc/net/pktgen/kpktgend_0");
}

/// Waits until it has got so many frames more from a peer.
fn await_frames(instance: &Instance<'_>, peer: usize, before: u64, count: u64) {
    let counter = format!("ethtool -S {CARD} | awk '$1 == \"peer{peer}_rx_frames:\" {{print $2}}'");
    let condition = format!("[ $({counter}) -ge {} ]", before + count);
    instance.wait_until(&condition, COMMAND_LIMIT, &format!("ethtool -S {CARD}"));
}

fn a_frame_goes_to_its_partition_from_whatever_queue_it_was_put_into(booted: &Booted) {
    let instances = booted.instances();
    for from in &instances {
        let index = usize::from(from.plan.index.0);
        let [first, second] = [1, 2].map(|step| &instances[(index + step) % 3]);
        let got = |of: &Instance<'_>| of.counter(&format!("peer{index}_rx_frames"));
        from.run("modprobe pktgen");
        // The queues of both peers, and our own, which leads to all.
        for queue in 0..3 {
            let before = [first, second].map(got);
            pktgen(from, &mac(second), queue);
            await_frames(second, index, before[1], FRAMES);
            assert!(got(first) < before[0] + FRAMES / 10, "{}: frames went astray by queue {queue}", from.plan.name);
            pktgen(from, "ff:ff:ff:ff:ff:ff", queue);
            await_frames(first, index, before[0], FRAMES);
            await_frames(second, index, before[1], 2 * FRAMES);
        }
        let to_first = usize::from(first.plan.index.0);
        from.run(&format!("tc qdisc add dev {CARD} clsact"));
        from.run(&format!("tc filter add dev {CARD} egress matchall action skbedit queue_mapping {to_first}"));
        for peer in [first, second] {
            from.run(&format!("ping -c 3 -W 5 {}", peer.address()));
        }
        from.run(&format!("tc qdisc del dev {CARD} clsact"));
        assert_eq!(from.counter("tx_drop_other_queue"), 0, "{}: nobody was in the way", from.plan.name);
    }
    instances.iter().for_each(Instance::assert_undisturbed);
}

/// Asserts that a command fails, and that the kernel says why.
fn assert_refused(instance: &Instance<'_>, command: &str, reason: &str) {
    let (said, status) = instance.try_run(command);
    assert_ne!(status, 0, "{}: `{command}` was done: {said}", instance.plan.name);
    instance.run(&format!("dmesg | grep -q '{reason}'"));
}

fn sleep_and_bonds_that_cannot_work_are_refused(booted: &Booted) {
    let instances = booted.instances();
    for instance in &instances {
        assert_refused(instance, "echo freeze > /sys/power/state", "no suspend: nothing could wake this instance");
        assert_refused(instance, "echo disk > /sys/power/state", "no hibernation: nothing could wake this instance");
        let enslave = format!("ip link set {CARD} down; ip link set {CARD} master bond0");
        instance.run("modprobe bonding max_bonds=0; ip link add bond0 type bond mode balance-rr");
        assert_refused(instance, &enslave, "does not support setting the MAC address");
        instance
            .run("ip link del bond0; ip link add bond0 type bond mode active-backup fail_over_mac active miimon 100");
        instance.run(&format!("ip addr flush dev {CARD}; {enslave}"));
        instance.run(&format!("ip link set bond0 up; ip addr add {}/24 dev bond0", instance.address()));
    }
    for peer in &instances[1..] {
        let reaches = format!("ping -c 1 -W 1 {}", peer.address());
        instances[0].wait_until(&reaches, COMMAND_LIMIT, "cat /proc/net/bonding/bond0");
    }
    instances.iter().for_each(Instance::assert_undisturbed);
}
