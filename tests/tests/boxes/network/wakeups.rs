//! Doorbells: few under load, and none lost.

use std::time::Duration;

use emulator::launch::LaunchOptions;
use tests::Scene;
use tests::fixture::STABLE;
use tests::instance::Instance;
use tests::network::CARD;
use tests::scene::{Booted, box_file, networked};

use crate::machines::X2APIC;
use crate::restart::{assert_is_back, restart};

const LIMIT: Duration = Duration::from_secs(240);
/// In a flood, for each frame.
const MOST_DOORBELLS: f64 = 0.05;

fn pair() -> Booted {
    let booted = Scene::new(&box_file([networked("web", STABLE, 2), networked("db", STABLE, 2)])).boot();
    booted.await_links();
    booted
}

/// The number of a queue's interrupt.
fn interrupt(instance: &Instance<'_>, queue: usize) -> u64 {
    instance.number(&format!("awk -F: '/{CARD}-{queue}$/ {{gsub(/ /, \"\", $1); print $1}}' /proc/interrupts"))
}

#[test]
fn the_interrupt_moves_between_cores_under_traffic_and_no_wake_up_is_lost() {
    let booted = pair();
    let (web, db) = (booted.instance("web"), booted.instance("db"));
    let [first, second] = [0, 1].map(|queue| format!("/proc/irq/{}/smp_affinity_list", interrupt(&db, queue)));
    web.start("ping", "ping -q -i 0.002 -c 4000 -W 5 db");
    db.start(
        "move",
        &format!(
            "i=0; while [ $i -lt 200 ]; do for at in {first} {second}; do echo $((i % 2)) > $at || exit 1; done; \
             i=$((i+1)); sleep 0.02; done"
        ),
    );
    db.finish("move", LIMIT);
    let output = web.finish("ping", LIMIT);
    assert!(output.contains("4000 received"), "{output}");
    let cores =
        db.run(&format!("awk '/{CARD}/ {{a += $2; b += $3}} END {{print (a > 0) + (b > 0)}}' /proc/interrupts"));
    assert_eq!(cores, "2", "both cores took some");
    for instance in booted.instances() {
        instance.assert_undisturbed();
    }
}

#[test]
fn a_flood_rings_the_doorbell_for_few_of_its_frames() {
    let booted = pair();
    let (web, db) = (booted.instance("web"), booted.instance("db"));
    db.run("iperf3 -s -D");
    let before = (web.counter("tx_ring_frames"), web.counter("doorbells_sent"));
    web.start("flood", "iperf3 -c db -u -b 0 -l 1472 -t 6");
    web.finish("flood", LIMIT);
    let frames = web.counter("tx_ring_frames") - before.0;
    let doorbells = web.counter("doorbells_sent") - before.1;
    let each = doorbells as f64 / frames as f64;
    println!("{doorbells} doorbells for {frames} frames: {each:.4} for each");
    assert!(frames > 1000 && each < MOST_DOORBELLS, "{doorbells} doorbells for {frames} frames");
    db.assert_undisturbed();
}

#[test]
fn with_x2apic_doorbells_ring_too_and_partitions_are_started_again() {
    let scene = Scene::new(&box_file([networked("web", STABLE, 2), networked("db", STABLE, 1)]));
    let booted = scene.boot_with(LaunchOptions::default().arguments(X2APIC));
    assert!(booted.running().log().text().contains(" x2APIC,"));
    booted.await_links();
    let (web, db) = (booted.instance("web"), booted.instance("db"));
    let ring = || {
        let output = web.run("ping -q -i 0.01 -c 200 -W 5 db");
        assert!(output.contains("200 received"), "{output}");
    };
    ring();
    // Once more it is rung, in the middle of its start: until its link is seen to be down.
    web.start("flood", "ping -q -i 0.1 -w 5 db || true");
    restart(&web, &db);
    web.finish("flood", LIMIT);
    assert_is_back(&booted, &db);
    restart(&db, &web);
    assert_is_back(&booted, &web);
    ring();
    for instance in [web, db] {
        assert!(instance.counter("doorbells_received") > 100);
        instance.assert_undisturbed();
    }
}
