//! Partitions end in every way, are started again by others, and two that have no part in it talk meanwhile.
//!
//! Each way once, in this order, belongs to all tests. `cargo xtask soak restart` does it as often as it is told, in an order
//! by chance.

use std::time::Instant;

use tests::Scene;
use tests::fixture::STABLE;
use tests::instance::{COMMAND_LIMIT, Instance};
use tests::network::FRAMES_PORT;
use tests::scene::{Booted, box_file, networked};

use super::{PANIC, assert_is_back, assert_refused, await_state, hang, hostile_image, kernel_code, restart, state};

/// How many restarts; set by `cargo xtask soak restart`.
const TIMES_VARIABLE: &str = "SPRIG_SOAK_RESTARTS";
/// By how many KiB the kernel memory of one that has no part in it may differ at the end.
const MOST_KIB: u64 = 8 << 10;

/// How a partition comes to be started again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// While it works.
    AtWork,
    /// Its kernel panics, on one core or another.
    Panic(u32),
    PowerOff,
    Halt,
    /// All of its cores hang with interrupts off. Its kernel's code is gone, so not even an NMI brings them: the boot processor
    /// comes by the firmware.
    Hang,
    /// It is stopped, and started later.
    Stop,
}

/// What happens in all tests: to `boot`, which has the boot processor, and to `victim`, whose panic is in `policy`.
const ONCE: [(&str, Way); 7] = [
    ("boot", Way::AtWork),
    ("victim", Way::Hang),
    ("victim", Way::PowerOff),
    ("boot", Way::Panic(0)),
    ("victim", Way::Stop),
    ("boot", Way::Panic(1)),
    ("boot", Way::Hang),
];

/// What may happen besides in a soak.
const BESIDES: [(&str, Way); 7] = [
    ("boot", Way::PowerOff),
    ("boot", Way::Halt),
    ("boot", Way::Stop),
    ("victim", Way::AtWork),
    ("victim", Way::Panic(0)),
    ("victim", Way::Panic(1)),
    ("victim", Way::Halt),
];

fn plan() -> Vec<(&'static str, Way)> {
    let Ok(times) = std::env::var(TIMES_VARIABLE) else { return ONCE.to_vec() };
    let times = times.parse().unwrap_or_else(|error| panic!("{TIMES_VARIABLE}={times}: {error}"));
    let all = [&ONCE[..], &BESIDES[..]].concat();
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    (0..times).map(|_| all[random.usize(..all.len())]).collect()
}

fn box_of_four() -> Booted {
    let image = hostile_image();
    let of_two = |name| networked(name, STABLE, 2).replace("demo.img", "hostile.img");
    let of_one = |name| networked(name, STABLE, 1).replace("demo.img", "hostile.img");
    let partitions = [of_two("boot"), of_two("victim"), of_one("left"), of_one("right")];
    let booted = Scene::with(&box_file(partitions), &[("hostile.img", &image)]).boot();
    booted.await_links();
    booted
}

/// Ends it in that way, and starts it again. Returns how long its kernel took to be entered, in seconds.
fn end_and_start(actor: &Instance<'_>, victim: &Instance<'_>, way: Way) -> f64 {
    let name = &victim.plan.name;
    let ends = |command: &str, end_state| {
        victim.send(command);
        await_state(actor, name, end_state);
    };
    match way {
        Way::AtWork => {}
        Way::Panic(core) => ends(&format!("taskset -c {core} sh -c '{PANIC}'"), "panicked"),
        // It has no power switch.
        Way::PowerOff => ends("poweroff -f", "halted"),
        Way::Halt => ends("halt -f", "halted"),
        Way::Hang => {
            hang(actor, kernel_code(victim));
            await_state(actor, name, "stalled");
        }
        Way::Stop => {
            actor.run(&format!("sprig stop --wait {name}"));
            assert_eq!(state(actor, name), "stopped");
        }
    }
    restart(actor, victim)
}

/// Memory that its kernel uses for itself, in KiB.
fn kernel_memory(instance: &Instance<'_>) -> u64 {
    instance
        .number("awk '/^(Slab|VmallocUsed|PageTables|KernelStack|Percpu):/ {sum += $2} END {print sum}' /proc/meminfo")
}

#[test]
fn partitions_end_in_every_way_and_are_started_again_while_two_others_lose_no_frame() {
    let booted = box_of_four();
    let [left, right] = ["left", "right"].map(|name| booted.instance(name));
    right.start("receive", &format!("datagrams receive {FRAMES_PORT}"));
    left.start("send", &format!("datagrams send {}:{FRAMES_PORT} {} 64 64", right.address(), u32::MAX));
    let before = [&left, &right].map(kernel_memory);
    let mut own_times = Vec::new();
    for (number, (name, way)) in (1..).zip(plan()) {
        let begun = Instant::now();
        let actor = if number % 2 == 0 { &left } else { &right };
        let victim = booted.instance(name);
        let entered = end_and_start(actor, &victim, way);
        assert_is_back(&booted, &victim);
        println!(
            "{number}: {name} {way:?}, entered after {entered} s, back after {:.1} s",
            begun.elapsed().as_secs_f64()
        );
        own_times.push(entered);
    }
    own_times.sort_by(f64::total_cmp);
    let median = own_times[own_times.len() / 2];
    println!("a restart's own time: {median} s ({} to {})", own_times[0], own_times[own_times.len() - 1]);
    assert_refusals(&booted.instance("boot"));
    assert_comes_back_without_its_driver(&booted, &left);
    // Whoever sends has had an answer to all that it sent, so nothing was lost if it is still at it.
    if left.run("pidof datagrams | wc -w") != "1" {
        panic!("the datagrams between the two others have stopped: {}", left.finish("send", COMMAND_LIMIT));
    }
    left.run("killall datagrams");
    let after = [&left, &right].map(kernel_memory);
    println!("kernel memory in KiB: {before:?} before, {after:?} after");
    for (before, after) in before.into_iter().zip(after) {
        assert!(after < before + MOST_KIB, "kernel memory has grown from {before} to {after} KiB");
    }
    for instance in [&left, &right] {
        instance.assert_undisturbed();
    }
}

/// What cannot be done is refused in a line, and nothing happens to anybody.
fn assert_refusals(boot: &Instance<'_>) {
    let refused = [
        ("sprig restart nobody", "there is no partition \"nobody\""),
        ("sprig restart boot", "is the partition that this runs in"),
        ("sprig start left", "\"left\" is running"),
        ("sh -c 'echo start nobody > /dev/sprig'", "No such file or directory"),
        ("sh -c 'echo explode left > /dev/sprig'", "Invalid argument"),
    ];
    for (command, reason) in refused {
        assert_refused(boot, command, reason);
    }
    assert_eq!(state(boot, "left"), "running");
}

/// Without its driver, no NMI brings the boot processor back: the firmware does, if it is a BIOS.
fn assert_comes_back_without_its_driver(booted: &Booted, left: &Instance<'_>) {
    let boot = booted.instance("boot");
    boot.run("sprig-unload");
    restart(left, &boot);
    assert_is_back(booted, &boot);
}
