//! Several queues: every flow in one of them, every core at work, and nothing lost or overtaken.

use std::time::Duration;

use tests::Scene;
use tests::fixture::{KERNELS, STABLE};
use tests::instance::Instance;
use tests::network::{CARD, FRAMES_PORT};
use tests::scene::{Booted, box_file, networked};

use super::frames::receive_everywhere;

const LIMIT: Duration = Duration::from_secs(240);
/// Flows from one instance to another. Each falls into a queue as if by lot: that all fall into one of two happens once
/// in 2¹⁵ times.
const FLOWS: usize = 16;

fn pair() -> Booted {
    Scene::new(&box_file([networked("web", STABLE, 2), networked("db", STABLE, 2)])).boot()
}

/// As many flows at once from each instance to each other, `count` frames of these lengths in each. Each flow's frames
/// must come in order, whole, and none missing.
fn flows_everywhere(booted: &Booted, flows: usize, count: usize, lengths: &str) {
    let instances = booted.instances();
    for from in &instances {
        for to in instances.iter().filter(|to| to.plan.index != from.plan.index) {
            // What waits for a neighbour's address is dropped when it is more than a few bursts.
            from.run(&format!("ping -c 1 -W 5 {}", to.address()));
            let send = format!("datagrams send {}:{FRAMES_PORT} {count} {lengths}", to.address());
            let all = format!("i=0; while [ $i -lt {flows} ]; do {send} & i=$((i+1)); done; wait");
            from.start(&format!("to-{}", to.plan.name), &all);
        }
    }
    for from in &instances {
        for to in instances.iter().filter(|to| to.plan.index != from.plan.index) {
            let output = from.finish(&format!("to-{}", to.plan.name), LIMIT);
            let sent = output.lines().filter(|line| line.starts_with("sent ")).count();
            assert_eq!((sent, output.lines().count()), (flows, flows), "{}:\n{output}", from.plan.name);
        }
    }
}

/// How often a queue's interrupt has come to each core.
fn interrupts(instance: &Instance<'_>, queue: usize) -> Vec<u64> {
    let cores = instance.plan.cores.len();
    let fields = (2..cores + 2).map(|field| format!("${field}")).collect::<Vec<_>>().join(", ");
    let counts = instance.run(&format!("awk '/{CARD}-{queue}$/ {{print {fields}}}' /proc/interrupts"));
    counts.split_whitespace().map(|count| count.parse().unwrap_or_else(|_| panic!("{counts:?}"))).collect()
}

/// Asserts that so many queues are there, and that each was rung, has sent and has received.
fn assert_all_at_work(instance: &Instance<'_>, queues: usize) {
    let name = &instance.plan.name;
    let channels = instance.run(&format!("ethtool -l {CARD} | awk '/^RX:/ {{print $2}}'"));
    assert_eq!(channels.split_whitespace().collect::<Vec<_>>(), [queues.to_string(), queues.to_string()], "{name}");
    for queue in 0..queues {
        assert!(interrupts(instance, queue).iter().sum::<u64>() > 0, "{name}: queue {queue} was not rung");
        for what in ["polls", "doorbells_received", "tx_frames", "rx_frames"] {
            assert!(instance.counter(&format!("queue{queue}_{what}")) > 0, "{name}: queue {queue} has no {what}");
        }
    }
    instance.assert_undisturbed();
}

#[test]
fn two_cores_each_serve_a_queue_of_their_own() {
    let booted = pair();
    receive_everywhere(&booted);
    flows_everywhere(&booted, FLOWS, 200, "64 1514");
    for instance in booted.instances() {
        assert_all_at_work(&instance, 2);
        for (queue, others) in [(0, 1), (1, 0)] {
            let counts = interrupts(&instance, queue);
            assert!(counts[queue] > 0 && counts[others] == 0, "{}: queue {queue}: {counts:?}", instance.plan.name);
        }
    }
}

#[test]
fn flows_keep_their_order_while_both_interrupts_move() {
    let booted = pair();
    receive_everywhere(&booted);
    for instance in booted.instances() {
        instance.run(&format!("ip link set {CARD} mtu 65535"));
        let number = |queue| format!("$(awk -F: '/{CARD}-{queue}$/ {{print $1+0}}' /proc/interrupts)");
        let affinity = |queue| format!("/proc/irq/{}/smp_affinity_list", number(queue));
        let (first, second) = (affinity(0), affinity(1));
        instance.start(
            "move",
            &format!(
                "first={first}; second={second}; i=0; while [ $i -lt 150 ]; do \
                 echo $((i % 2)) > $first || exit 1; echo $((i / 2 % 2)) > $second || exit 1; i=$((i+1)); sleep 0.02; done"
            ),
        );
    }
    flows_everywhere(&booted, FLOWS, 100, "64 65549");
    for instance in booted.instances() {
        instance.finish("move", LIMIT);
        assert_all_at_work(&instance, 2);
    }
}

#[test]
#[ignore = "as with two cores each, with other numbers: cargo xtask test --matrix"]
fn one_core_and_four_share_four_queues() {
    let text = box_file([networked("one", STABLE, 1), networked("four", STABLE, 4)]);
    let booted = Scene::new(&text.replacen("\n[[partition]]", "queues = 4\n\n[[partition]]", 1)).boot();
    receive_everywhere(&booted);
    flows_everywhere(&booted, 3 * FLOWS, 40, "64 1514");
    for instance in booted.instances() {
        assert_all_at_work(&instance, 4);
    }
}

#[test]
#[ignore = "as with one core each, in `frames`: cargo xtask test --matrix"]
fn three_different_kernels_of_two_cores_lose_nothing_between_them() {
    let name = |line: &str| format!("linux-{}", line.replace('.', "-"));
    let booted = Scene::new(&box_file(KERNELS.map(|line| networked(&name(line), line, 2)))).boot();
    receive_everywhere(&booted);
    flows_everywhere(&booted, FLOWS, 40, "64 1514");
    for instance in booted.instances() {
        assert_all_at_work(&instance, 2);
    }
}

#[test]
fn a_driver_is_loaded_again_under_a_flood_of_many_flows() {
    let booted = pair();
    booted.await_links();
    let (web, db) = (booted.instance("web"), booted.instance("db"));
    for flow in 0..4 {
        web.start(&format!("flood-{flow}"), &format!("ping -q -f -s 1400 {}", db.address()));
    }
    for _ in 0..5 {
        db.run("sprig-unload && sprig-network > /dev/null");
        for instance in [&web, &db] {
            instance.await_links(1, "up");
        }
        db.run(&format!("ping -c 3 -W 5 {}", web.address()));
    }
    web.run("killall ping");
    receive_everywhere(&booted);
    flows_everywhere(&booted, FLOWS, 40, "64 1514");
    for instance in booted.instances() {
        assert_all_at_work(&instance, 2);
    }
}
