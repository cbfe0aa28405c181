//! Nobody asks: what follows when a partition ends or hangs stands in the box file.

use tests::Scene;
use tests::debugger::Debugger;
use tests::fixture::STABLE;
use tests::instance::Instance;
use tests::scene::{Booted, box_file, networked};

use super::{PANIC, assert_is_back, await_state, await_word, hang, hostile_image, kernel_code, row, state};

/// With these lines more in its entry.
fn with(entry: &str, lines: &str) -> String {
    entry.replacen("[[partition]]", &format!("[[partition]]\n{lines}"), 1)
}

/// How often a partition was started again.
fn restarts(watcher: &Instance<'_>, name: &str) -> u64 {
    watcher.number(&format!("{} | grep -o '\"restarts\":[0-9]*' | cut -d: -f2", row(name)))
}

/// Waits until a partition was started again so often, by nobody's hand, and is back.
fn await_restart(booted: &Booted, watcher: &Instance<'_>, victim: &Instance<'_>, count: u64) {
    await_word(watcher, &victim.plan.name, &format!("\"restarts\":{count},"));
    assert_is_back(booted, victim);
}

#[test]
fn by_its_policy_a_partition_is_started_again_once_by_whoever_is_there_and_not_beyond_its_limit() {
    let image = hostile_image();
    let actor = networked("actor", STABLE, 1).replace("demo.img", "actor.img");
    let policy = "on_panic = \"restart\"\non_hang = \"restart\"\non_exit = \"restart\"\nrestart_limit = 3";
    let victim = with(&networked("victim", STABLE, 2), policy);
    let later = with(&networked("later", STABLE, 1), "start = false\non_panic = \"stop\"");
    let scene = Scene::with(&box_file([actor, victim, later]), &[("actor.img", &image)]);
    let mut booted = scene.boot();
    let mut monitor = booted.take_monitor();
    let [actor, victim, later] = ["actor", "victim", "later"].map(|name| booted.instance(name));
    // It was planned, and nothing of it runs until somebody asks.
    assert_eq!(state(&actor, "later"), "planned");
    actor.run("sprig start --wait --timeout 80 later");
    assert_is_back(&booted, &later);

    // Two watch: each end is answered once.
    victim.send(PANIC);
    await_restart(&booted, &actor, &victim, 1);
    victim.send("poweroff -f");
    await_restart(&booted, &actor, &victim, 2);
    // One that a debugger holds for less than 20 s is not taken for hanging.
    let cores = booted.running().plan().partitions.iter().map(|partition| partition.cores.len() as u32).sum();
    let held = victim.plan.boot_core().number.0;
    let debugger = Debugger::hold(&mut monitor, &scene.path("debugger"), cores, &[held]);
    await_state(&actor, "victim", "stalled");
    actor.run("sleep 8");
    assert_eq!(state(&actor, "victim"), "stalled");
    debugger.release();
    await_state(&actor, "victim", "running");
    assert_eq!(restarts(&actor, "victim"), 2);
    hang(&actor, kernel_code(&victim));
    await_restart(&booted, &actor, &victim, 3);
    assert!(actor.run("sprig status").lines().any(|line| line.starts_with("victim") && line.contains(" hang ")));
    let told =
        [&actor, &later].map(|instance| instance.number("dmesg | grep -c 'started again, by its policy' || true"));
    assert_eq!(told.iter().sum::<u64>(), 3, "each restart has one hand: {told:?}");

    // A policy may take the cores away; and there is a limit.
    later.send(PANIC);
    await_state(&actor, "later", "stopped");
    victim.send(PANIC);
    await_state(&actor, "victim", "panicked");
    // They would act after a second.
    actor.run("sleep 5");
    assert_eq!((state(&actor, "victim").as_str(), restarts(&actor, "victim")), ("panicked", 3));
    actor.assert_undisturbed();
}
