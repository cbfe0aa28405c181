//! The driver under a kernel that watches it: lockdep, KASAN, DEBUG_ATOMIC_SLEEP, kmemleak, UBSAN and others, as
//! `xtask/src/setup/checked.config` has them. `cargo xtask test --only checked-kernel` makes that kernel and runs this.
//!
//! What was found belongs to the step after which it is seen: all of the kernel's log is read after each.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tests::Scene;
use tests::archive::{self, Entry};
use tests::fixture::{self, STABLE};
use tests::instance::Instance;
use tests::network::{CARD, FRAMES_PORT};
use tests::scene::{Booted, box_file, networked, networked_of};

/// Limit for anything that this kernel does, in emulation on a busy host. KASAN makes it some times slower.
const LIMIT: Duration = Duration::from_secs(400);
/// Seconds of each act of the hostile instance.
const SECONDS: u64 = 5;
const QUEUES: u32 = 2;
/// Attempts to send what a stalled link may cut off.
const ATTEMPTS: u32 = 3;

/// What the checks print.
const FOUND: &str = "WARNING|BUG:|UBSAN|ODEBUG|KASAN|possible circular locking|possible recursive locking|\
                     inconsistent lock state|suspicious RCU usage|sleeping function called|Invalid wait context|\
                     Oops|Call Trace|general protection|INFO: task|INFO: rcu|soft lockup|new suspected memory leaks";
/// What each check says when it starts.
const STARTED: [&str; 3] =
    ["Lock dependency validator", "KernelAddressSanitizer initialized", "Kernel memory leak detector initialized"];
/// kmemleak reports only what has been out of reach for longer, in seconds.
const LEAST_AGE: u32 = 6;

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}; see `cargo xtask test --help`", path.display()))
}

/// The watched instance, a neighbour, and a hostile instance.
fn box_with_a_watched_instance() -> Booted {
    let hostile = archive::extend(
        &fixture::network_initrd(),
        [Entry::program("hostile-partition", read(&fixture::hostile_program()))],
    );
    let files = [
        ("vmlinuz-checked", read(&fixture::checked_kernel())),
        ("checked.img", read(&fixture::checked_initrd())),
        ("hostile.img", hostile),
    ];
    let text = box_file([
        networked_of("watched", "checked", 2, "1536MiB").replace("demo.img", "checked.img"),
        networked("neighbour", STABLE, 1),
        networked("hostile", STABLE, 1).replace("demo.img", "hostile.img"),
    ]);
    let text = text.replacen("\n[[partition]]", &format!("queues = {QUEUES}\n\n[[partition]]"), 1);
    Scene::with(&text, &files.each_ref().map(|(name, content)| (*name, content.as_slice()))).boot()
}

/// The box with its instances by their parts.
struct Parts<'a> {
    watched: Instance<'a>,
    neighbour: Instance<'a>,
    hostile: Instance<'a>,
}

impl<'a> Parts<'a> {
    fn of(booted: &'a Booted) -> Self {
        let [watched, neighbour, hostile] = ["watched", "neighbour", "hostile"].map(|name| booted.instance(name));
        Self { watched, neighbour, hostile }
    }

    /// Runs a step, and asserts that the checks found nothing.
    fn step(&self, name: &str, step: fn(&Self)) {
        let started = Instant::now();
        step(self);
        let (found, _) = self.watched.try_run(&format!("dmesg | grep -E -B 4 -A 60 '{FOUND}'"));
        assert_eq!(found, "", "{name}: the watching kernel complains");
        eprintln!("{name}: {:.0} s", started.elapsed().as_secs_f64());
    }

    /// Runs a command in the watched instance, however long it takes there.
    fn run(&self, command: &str) -> String {
        self.watched.start("step", command);
        self.watched.finish("step", LIMIT)
    }

    fn await_neighbour(&self) {
        let reaches = format!("ping -c 1 -W 5 {}", self.neighbour.address());
        self.watched.wait_until(&reaches, LIMIT, &format!("ethtool -S {CARD} | grep -v ': 0$'"));
    }
}

fn links_come_up(parts: &Parts<'_>) {
    for instance in [&parts.watched, &parts.neighbour, &parts.hostile] {
        instance.await_links(2, "up");
    }
    let log = parts.watched.run("dmesg");
    for check in STARTED {
        assert!(log.contains(check), "{check} is missing in:\n{log}");
    }
}

fn ping_and_tcp(parts: &Parts<'_>) {
    parts.await_neighbour();
    parts.run(&format!("ping -6 -c 3 -W 20 ff02::1%{CARD}"));
    for (server, client) in [(&parts.neighbour, &parts.watched), (&parts.watched, &parts.neighbour)] {
        server.start("server", "iperf3 -s -1 --forceflush");
        server.wait_until("grep -q listening /tmp/server.out", LIMIT, "cat /tmp/server.out");
        client.start("client", &format!("iperf3 -c {} -t 5 -P 4", server.address()));
        client.finish("client", LIMIT);
        server.finish("server", LIMIT);
    }
}

fn datagrams_of_all_sizes(parts: &Parts<'_>) {
    for instance in [&parts.watched, &parts.neighbour] {
        instance.run(&format!("ip link set {CARD} mtu 65535"));
        instance.start("receive", &format!("datagrams receive {FRAMES_PORT}"));
        instance.wait_until("grep -q receiving /tmp/receive.out", LIMIT, "cat /tmp/receive.out");
    }
    for (from, to) in [(&parts.watched, &parts.neighbour), (&parts.neighbour, &parts.watched)] {
        for frames in ["1500 64 1514", "300 64 65549"] {
            send_datagrams(from, to, frames);
        }
    }
}

/// None may be missing, but while a link is stalled: on a busy host an emulated kernel may stand still for that long.
fn send_datagrams(from: &Instance<'_>, to: &Instance<'_>, frames: &str) {
    let stalls = || [from, to].map(|instance| instance.counter("link_stalls"));
    for _ in 0..ATTEMPTS {
        let before = stalls();
        from.start("send", &format!("datagrams send {}:{FRAMES_PORT} {frames}", to.address()));
        from.wait_until("[ -s /tmp/send.end ]", LIMIT, "cat /tmp/send.out");
        if from.run("cat /tmp/send.end") == "0" {
            return;
        }
        let output = from.run("cat /tmp/send.out");
        assert_ne!(stalls(), before, "{output}\n{}\n{}", counted(from), counted(to));
        from.await_links(2, "up");
    }
    panic!("{}: a link stalled in each of {ATTEMPTS} attempts to send {frames}", from.plan.name);
}

/// Where frames may have been left.
fn counted(instance: &Instance<'_>) -> String {
    instance.run(&format!("hostname; ethtool -S {CARD} | grep -v ': 0$'; grep -E '^(Ip|Udp):' /proc/net/snmp"))
}

fn two_tags_at_the_largest_mtu(parts: &Parts<'_>) {
    for (number, instance) in (1..).zip([&parts.watched, &parts.neighbour]) {
        instance.try_run("modprobe 8021q");
        for (below, kind, name) in [(CARD, "802.1ad", "outer"), ("outer", "802.1Q", "inner")] {
            instance.run(&format!("ip link add link {below} name {name} type vlan id 7 protocol {kind}"));
        }
        instance.run(&format!("for one in {CARD} outer inner; do ip link set $one up mtu 65535; done"));
        instance.run(&format!("ip addr add 10.86.0.{number}/24 dev inner"));
    }
    for len in [56, 1400, 65507] {
        parts.run(&format!("ping -c 3 -W 20 -s {len} 10.86.0.2"));
    }
    for instance in [&parts.watched, &parts.neighbour] {
        instance.run(&format!("ip link del outer; ip link set {CARD} mtu 1500"));
    }
}

/// Two flows in the queue of another, and frames of the kernel's own generator in every queue.
fn frames_in_wrong_queues(parts: &Parts<'_>) {
    let mac = parts.neighbour.run(&format!("cat /sys/class/net/{CARD}/address"));
    for queue in 0..3 * QUEUES {
        for to in [mac.as_str(), "ff:ff:ff:ff:ff:ff"] {
            parts.run(&format!("echo 'add_device {CARD}' > /proc/net/pktgen/kpktgend_0"));
            for word in [
                "count 200".to_owned(),
                format!("dst_mac {to}"),
                format!("queue_map_min {queue}"),
                format!("queue_map_max {queue}"),
            ] {
                parts.run(&format!("echo '{word}' > /proc/net/pktgen/{CARD}"));
            }
            parts.run("echo start > /proc/net/pktgen/pgctrl");
            // Where threads are slow to start, it does not wait for their end.
            let show = format!("cat /proc/net/pktgen/{CARD}");
            parts.watched.wait_until(&format!("{show} | grep -q usec"), LIMIT, &show);
            parts.run("echo rem_device_all > /proc/net/pktgen/kpktgend_0");
        }
    }
    parts.run(&format!("tc qdisc add dev {CARD} clsact"));
    parts.run(&format!("tc filter add dev {CARD} egress matchall action skbedit queue_mapping 2"));
    parts.await_neighbour();
    parts.run(&format!("tc qdisc del dev {CARD} clsact"));
}

fn counters_and_files(parts: &Parts<'_>) {
    parts.run(&format!("ethtool -S {CARD}; ethtool -i {CARD}; ethtool -k {CARD}; ethtool -l {CARD}; ip -s link"));
    parts.run(&format!("cd /sys/class/net/{CARD}/vni && for file in *; do cat $file; done"));
}

fn down_and_up(parts: &Parts<'_>) {
    let flood = format!("ping -q -f -w 20 {} || true", parts.watched.address());
    parts.neighbour.start("flood", &flood);
    parts.run(&format!("for i in $(seq 20); do ip link set {CARD} down; ip link set {CARD} up; done"));
    parts.neighbour.finish("flood", LIMIT);
    parts.await_neighbour();
}

fn out_and_in(parts: &Parts<'_>) {
    let flood = format!("ping -q -f -w 20 {} || true", parts.watched.address());
    parts.neighbour.start("flood", &flood);
    parts.run("for i in $(seq 5); do sprig-unload; modprobe sprig_vni; sprig-network; done");
    parts.neighbour.finish("flood", LIMIT);
    parts.watched.await_links(2, "up");
    parts.await_neighbour();
}

fn hostile_acts(parts: &Parts<'_>) {
    for act in ["doorbells", "flags", "metadata", "lanes", "links", "header", "everything"] {
        let flood = format!("ping -q -f -w {SECONDS} {} || true", parts.hostile.address());
        parts.watched.start("at-it", &flood);
        let index = parts.hostile.plan.index.0;
        let play =
            format!("/hostile-partition {act} --seconds {SECONDS} --index {index} --partitions 3 --queues {QUEUES}");
        parts.hostile.start("act", &play);
        parts.hostile.finish("act", LIMIT);
        parts.watched.finish("at-it", LIMIT);
        parts.hostile.run(&format!("ip link set {CARD} down; ip link set {CARD} up"));
        parts.watched.await_links(2, "up");
        parts.await_neighbour();
    }
}

fn peers_die(parts: &Parts<'_>) {
    parts.watched.start("at-it", &format!("ping -q -f -w 30 {} || true", parts.hostile.address()));
    parts.hostile.send("echo c > /proc/sysrq-trigger");
    parts.watched.wait_until(
        &format!("[ $(grep -c ' up$' /sys/class/net/{CARD}/vni/links) = 1 ]"),
        LIMIT,
        &format!("cat /sys/class/net/{CARD}/vni/links"),
    );
    parts.neighbour.send("reboot -f");
    parts.neighbour.wait_for("would have reset the whole box");
    parts.watched.wait_until(
        &format!("! grep -q ' up$' /sys/class/net/{CARD}/vni/links"),
        LIMIT,
        &format!("cat /sys/class/net/{CARD}/vni/links"),
    );
    parts.watched.finish("at-it", LIMIT);
}

/// Twice, since what was freed a moment ago may still be in a register or on a stack at the first.
fn memory_is_not_lost(parts: &Parts<'_>) {
    parts.run("mount -t debugfs debugfs /sys/kernel/debug");
    for _ in 0..2 {
        parts.run(&format!("sleep {LEAST_AGE}; echo scan > /sys/kernel/debug/kmemleak"));
    }
    assert_eq!(parts.run("cat /sys/kernel/debug/kmemleak").trim(), "", "memory that nothing points to");
    // A check that has given up finds nothing more.
    parts.run("grep -q 'debug_locks: *1' /proc/lockdep_stats");
}

#[test]
fn a_kernel_that_watches_the_driver_finds_nothing() {
    let booted = box_with_a_watched_instance();
    let parts = Parts::of(&booted);
    parts.step("links come up", links_come_up);
    parts.step("ping and TCP", ping_and_tcp);
    parts.step("datagrams of all sizes", datagrams_of_all_sizes);
    parts.step("two tags at the largest MTU", two_tags_at_the_largest_mtu);
    parts.step("frames in wrong queues", frames_in_wrong_queues);
    parts.step("counters and files", counters_and_files);
    parts.step("the card goes down and up", down_and_up);
    parts.step("the driver goes out and in", out_and_in);
    parts.step("hostile acts", hostile_acts);
    parts.step("the first look for lost memory", memory_is_not_lost);
    parts.step("peers die", peers_die);
}
