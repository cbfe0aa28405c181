//! A partition is started again while the others live: by a neighbour, or by itself.

use std::fs;

use tests::Scene;
use tests::archive::{self, Entry};
use tests::fixture::{self, KERNELS, STABLE};
use tests::instance::{COMMAND_LIMIT, Instance};
use tests::network::FRAMES_PORT;
use tests::scene::{Booted, box_file, networked};

const PANIC: &str = "echo c > /proc/sysrq-trigger";
/// Datagrams between the two others while a third one dies and is started again.
const DATAGRAMS: u32 = 3_000_000;

/// Has `actor` start the victim again, whatever it does, and waits until its driver is loaded.
pub(crate) fn restart(actor: &Instance<'_>, victim: &Instance<'_>) {
    actor.run(&format!("sprig restart --wait --timeout 80 {}", victim.plan.name));
}

/// Waits for the victim's next life: user space, its own cores and memory, and a link to everybody.
pub(crate) fn assert_is_back(booted: &Booted, victim: &Instance<'_>) {
    victim.wait_for_report();
    victim.assert_has_exactly_its_cores();
    victim.assert_has_exactly_its_memory();
    booted.await_links();
    victim.assert_undisturbed();
}

/// The state of a partition, as another instance sees it.
fn state(watcher: &Instance<'_>, name: &str) -> String {
    watcher.run(&format!(
        "sprig status --json | tr '{{' '\n' | grep '\"name\":\"{name}\"' | grep -o '\"state\":\"[a-z-]*' \
                          | cut -d'\"' -f4"
    ))
}

fn await_state(watcher: &Instance<'_>, name: &str, state: &str) {
    let is_so =
        format!("sprig status --json | tr '{{' '\n' | grep '\"name\":\"{name}\"' | grep -q '\"state\":\"{state}\"'");
    watcher.wait_until(&is_so, COMMAND_LIMIT, "sprig status");
}

/// Where the code of an instance's kernel lies in the machine's memory.
fn kernel_code(instance: &Instance<'_>) -> (u64, u64) {
    let iomem = instance.iomem();
    let (range, _) = iomem.iter().find(|(_, name)| name.trim() == "Kernel code").expect("every kernel has code");
    (range.start(), range.len())
}

/// Makes every core of a kernel hang at its next step in the kernel, with interrupts off.
fn hang(actor: &Instance<'_>, (start, len): (u64, u64)) {
    actor.run(&format!("/hostile-partition hang --code {start:#x} --len {len}"));
}

/// An actor with the boot processor, a victim, and a third one.
fn box_of_three() -> Booted {
    let program = fs::read(fixture::hostile_program()).expect("`cargo xtask build` has made it");
    let image = archive::extend(&fixture::network_initrd(), [Entry::program("hostile-partition", program)]);
    let actor = networked("actor", STABLE, 2).replace("demo.img", "actor.img");
    let partitions = [actor, networked("victim", STABLE, 2), networked("third", STABLE, 1)];
    let booted = Scene::with(&box_file(partitions), &[("actor.img", &image)]).boot();
    booted.await_links();
    booted
}

#[test]
fn a_dead_partition_is_started_again_by_a_neighbour_and_the_others_lose_no_frame() {
    let booted = box_of_three();
    let [actor, victim, third] = ["actor", "victim", "third"].map(|name| booted.instance(name));
    third.start("receive", &format!("datagrams receive {FRAMES_PORT}"));
    actor.start("send", &format!("datagrams send {}:{FRAMES_PORT} {DATAGRAMS} 64 64", third.address()));
    for (end, end_state) in [(PANIC, "panicked"), ("poweroff -f", "halted")] {
        victim.send(end);
        await_state(&actor, "victim", end_state);
        restart(&actor, &victim);
        assert_is_back(&booted, &victim);
    }
    hang(&actor, kernel_code(&victim));
    await_state(&actor, "victim", "stalled");
    restart(&actor, &victim);
    assert_is_back(&booted, &victim);
    actor.run("sprig stop --wait victim");
    assert_eq!(state(&third, "victim"), "stopped");
    actor.run("sprig start --wait victim");
    assert_is_back(&booted, &victim);
    assert_refusals(&actor, &third);
    // Whoever sends has had an answer to all that it sent, so nothing was lost if it is still at it.
    assert_eq!(actor.run("pidof datagrams | wc -w"), "1", "the datagrams between the two others have stopped");
    actor.run("killall datagrams");
    for instance in [&actor, &third] {
        instance.assert_undisturbed();
    }
}

/// What cannot be done is refused in a line, and nothing happens to anybody.
fn assert_refusals(actor: &Instance<'_>, third: &Instance<'_>) {
    let refused = [
        ("sprig restart nobody", "there is no partition \"nobody\""),
        ("sprig restart actor", "is the partition that this runs in"),
        ("sprig start third", "\"third\" is running"),
        ("sh -c 'echo start nobody > /dev/sprig'", "No such file or directory"),
        ("sh -c 'echo explode third > /dev/sprig'", "Invalid argument"),
    ];
    for (command, reason) in refused {
        let (said, status) = actor.try_run(&format!("{command} 2>&1"));
        assert!(status != 0 && said.contains(reason), "`{command}` ended with {status}: {said}");
    }
    assert_eq!(state(actor, "third"), "running");
    // Without its driver, nothing brings the boot processor back: so nothing is done.
    actor.run("rmmod sprig_vni");
    let (said, status) = third.try_run("sprig restart actor 2>&1");
    assert!(status != 0 && said.contains("boot processor"), "it ended with {status}: {said}");
    actor.run("modprobe sprig_vni && sprig-network > /dev/null");
    third.await_links(2, "up");
}

#[test]
fn the_partition_with_the_boot_processor_is_started_again_by_a_neighbour() {
    let booted = box_of_three();
    let [victim, actor] = ["actor", "victim"].map(|name| booted.instance(name));
    // At work; panicked on the boot processor, and on another core.
    restart(&actor, &victim);
    assert_is_back(&booted, &victim);
    for (end, end_state) in [
        ("taskset -c 0 sh -c 'echo c > /proc/sysrq-trigger'", "panicked"),
        ("taskset -c 1 sh -c 'echo c > /proc/sysrq-trigger'", "panicked"),
    ] {
        victim.send(end);
        await_state(&actor, "actor", end_state);
        restart(&actor, &victim);
        assert_is_back(&booted, &victim);
    }
    booted.instance("third").assert_undisturbed();
}

#[test]
fn a_partition_that_reboots_comes_back_by_itself_whatever_kernel_it_has() {
    let name = |line: &str| format!("linux-{}", line.replace('.', "-"));
    let partitions = KERNELS.map(|line| networked(&name(line), line, 2));
    let booted = Scene::new(&box_file(partitions)).boot();
    booted.await_links();
    for line in KERNELS {
        let victim = booted.instance(&name(line));
        victim.send("reboot -f");
        assert_is_back(&booted, &victim);
        victim.send("echo 1 > /proc/sys/kernel/panic; taskset -c 1 sh -c 'echo c > /proc/sysrq-trigger'");
        assert_is_back(&booted, &victim);
    }
    booted.instances().iter().for_each(|instance| instance.assert_undisturbed());
}

/// With these lines more in its entry.
fn with(entry: &str, lines: &str) -> String {
    entry.replacen("[[partition]]", &format!("[[partition]]\n{lines}"), 1)
}

/// How often a partition was started again.
fn restarts(watcher: &Instance<'_>, name: &str) -> u64 {
    watcher.number(&format!(
        "sprig status --json | tr '{{' '\n' | grep '\"name\":\"{name}\"' | grep -o '\"restarts\":[0-9]*' | cut -d: -f2"
    ))
}

/// Waits until a partition was started again so often, by nobody's hand, and is back.
fn await_restart(booted: &Booted, watcher: &Instance<'_>, victim: &Instance<'_>, count: u64) {
    let name = &victim.plan.name;
    let is_so =
        format!("sprig status --json | tr '{{' '\n' | grep '\"name\":\"{name}\"' | grep -q '\"restarts\":{count},'");
    watcher.wait_until(&is_so, COMMAND_LIMIT, "sprig status; dmesg | tail");
    assert_is_back(booted, victim);
}

#[test]
fn by_its_policy_a_partition_is_started_again_once_by_whoever_is_there_and_not_beyond_its_limit() {
    let program = fs::read(fixture::hostile_program()).expect("`cargo xtask build` has made it");
    let image = archive::extend(&fixture::network_initrd(), [Entry::program("hostile-partition", program)]);
    let actor = networked("actor", STABLE, 1).replace("demo.img", "actor.img");
    let policy = "on_panic = \"restart\"\non_hang = \"restart\"\non_exit = \"restart\"\nrestart_limit = 3";
    let victim = with(&networked("victim", STABLE, 2), policy);
    let later = with(&networked("later", STABLE, 1), "start = false\non_panic = \"stop\"");
    let booted = Scene::with(&box_file([actor, victim, later]), &[("actor.img", &image)]).boot();
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
