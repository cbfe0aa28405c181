//! Peers that go away under traffic, and come back.

use std::time::{Duration, Instant};

use emulator::launch::LaunchOptions;
use tests::Scene;
use tests::fixture::STABLE;
use tests::freezer::Freezer;
use tests::instance::Instance;
use tests::network::CARD;
use tests::scene::{Booted, box_file, networked};

/// Limit for a wait in an emulated box; the time that it took is printed.
const LIMIT: Duration = Duration::from_secs(20);

const HALT: &str = "kill -USR1 1";
const PANIC: &str = "echo c > /proc/sysrq-trigger";
const REBOOT: &str = "kill -TERM 1";
const UNLOAD: &str = "sprig-unload";

/// `watcher` and `neighbour` go on talking while `victim` goes away.
fn three() -> Booted {
    let names = ["watcher", "victim", "neighbour"];
    let booted = Scene::new(&box_file(names.map(|name| networked(name, STABLE, 1)))).boot();
    booted.await_links();
    booted
}

fn flood(from: &Instance<'_>, to: &Instance<'_>) {
    let job = format!("flood-{}", to.plan.name);
    from.start(&job, &format!("ping -q -f -s 1400 {}", to.address()));
}

/// Ends the victim under traffic, and checks what the others notice.
fn loses(end: &str) -> Booted {
    let booted = three();
    let [watcher, victim, neighbour] = ["watcher", "victim", "neighbour"].map(|name| booted.instance(name));
    for (from, to) in [(&watcher, &victim), (&neighbour, &victim), (&victim, &watcher), (&watcher, &neighbour)] {
        flood(from, to);
    }
    victim.send(end);
    let ended = Instant::now();
    let link = format!("grep -q '^1 victim .* up$' /sys/class/net/{CARD}/vni/links");
    watcher.wait_until(&format!("! {link}"), LIMIT, &format!("cat /sys/class/net/{CARD}/vni/links"));
    println!("{end}: noticed after at most {:?}", ended.elapsed());
    neighbour.wait_until(&format!("! {link}"), LIMIT, &format!("cat /sys/class/net/{CARD}/vni/links"));
    watcher.run("ping -c 3 -W 5 neighbour");
    assert_eq!(watcher.run(&format!("cat /sys/class/net/{CARD}/carrier")), "1", "one link is left");
    for instance in [&watcher, &neighbour] {
        instance.run("killall ping");
        instance.assert_undisturbed();
    }
    drop([watcher, victim, neighbour]);
    booted
}

#[test]
fn a_peer_that_halts_is_noticed_and_the_others_talk_on() {
    loses(HALT);
}

#[test]
#[ignore = "as one that halts, with another end: cargo xtask test --matrix"]
fn a_peer_that_panics_is_noticed_and_the_others_talk_on() {
    loses(PANIC);
}

#[test]
#[ignore = "as in `restart`, with fewer kernels: cargo xtask test --matrix"]
fn a_peer_that_reboots_leaves_the_box_alone() {
    let booted = loses(REBOOT);
    booted.instance("victim").wait_for("would have reset the whole box");
    booted.instance("watcher").run("ping -c 3 -W 5 neighbour");
}

#[test]
#[ignore = "as in `restart`, with other words: cargo xtask test --matrix"]
fn a_peer_that_panics_with_a_timeout_leaves_the_box_alone() {
    let booted = loses("echo 1 > /proc/sys/kernel/panic; echo c > /proc/sysrq-trigger");
    booted.instance("victim").wait_for("would have reset the whole box");
    booted.instance("watcher").run("ping -c 3 -W 5 neighbour");
}

#[test]
fn a_driver_loaded_again_gets_its_links_back() {
    let booted = loses(&format!("killall ping; {UNLOAD}; echo gone"));
    let victim = booted.instance("victim");
    for _ in 0..5 {
        victim.run("sprig-network > /dev/null");
        victim.await_links(2, "up");
        booted.instance("watcher").await_links(2, "up");
        booted.instance("watcher").run("ping -c 3 -W 5 victim");
        booted.instance("watcher").start("flood-victim", &format!("ping -q -f -c 3000 {}", victim.address()));
        victim.run(UNLOAD);
        booted.instance("watcher").run("killall ping; true");
    }
    victim.run("sprig-network > /dev/null");
    victim.await_links(2, "up");
    for instance in booted.instances() {
        instance.assert_undisturbed();
    }
}

#[test]
fn a_frozen_peer_takes_the_carrier_off_until_it_goes_on() {
    let scene = Scene::new(&box_file([networked("watcher", STABLE, 1), networked("victim", STABLE, 1)]));
    let freezer = Freezer::new(&scene.path("debugger"));
    let booted = scene.boot_with(LaunchOptions::default().arguments(freezer.arguments()));
    booted.await_links();
    let watcher = booted.instance("watcher");
    flood(&watcher, &booted.instance("victim"));

    let frozen = freezer.freeze_all_but(&[watcher.plan.boot_core().number.0]);
    let started = Instant::now();
    watcher.await_links(1, "stalled");
    println!("noticed after at most {:?}", started.elapsed());
    assert_eq!(watcher.run(&format!("cat /sys/class/net/{CARD}/carrier")), "0");
    drop(frozen);

    watcher.await_links(1, "up");
    watcher.run("killall ping; ping -c 3 -W 5 victim");
    for instance in booted.instances() {
        instance.assert_undisturbed();
    }
}
