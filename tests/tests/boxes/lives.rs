//! What an instance does with what it has, and what the others notice of its end: nothing.

use tests::Instance;
use tests::Scene;
use tests::scene::Booted;

/// Timer interrupts that an instance has had, over all its cores.
fn timer_ticks(instance: Instance<'_>) -> u64 {
    instance.number(
        "awk '/^ *LOC:/ { for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+$/) n += $i } END { print n }' /proc/interrupts",
    )
}

/// Asserts that an instance computes, sleeps and keeps time.
fn assert_alive(instance: Instance<'_>) {
    let before = timer_ticks(instance);
    assert_eq!(instance.run("sleep 1; echo slept"), "slept");
    let after = timer_ticks(instance);
    assert!(after > before, "{}: its timers tick ({before}, then {after})", instance.plan.name);
    instance.assert_has_exactly_its_cores();
}

#[test]
fn a_core_goes_offline_and_comes_back() {
    let booted = Scene::of_cores(&[2, 2]).boot();
    for instance in booted.instances() {
        let online = "/sys/devices/system/cpu/cpu1/online";
        for _ in 0..3 {
            instance.run(&format!("echo 0 > {online}"));
            assert_eq!(instance.run("cat /sys/devices/system/cpu/online"), "0");
            instance.run(&format!("echo 1 > {online}"));
        }
        instance.assert_has_exactly_its_cores();
    }
}

#[test]
fn a_busy_instance_leaves_the_other_its_ticks() {
    let booted = Scene::of_cores(&[2, 1]).boot();
    let (busy, other) = (booted.instance("p0"), booted.instance("p1"));
    busy.run("for cpu in 0 1; do taskset -c $cpu sh -c 'while :; do :; done' & done");
    assert_alive(other);
    assert_eq!(busy.run("pidof -s sh > /dev/null && echo still there"), "still there");
    busy.run("kill %1 %2");
    assert_alive(busy);
}

/// Ends the instance in one partition by typing `command`, waits for its last words, and looks at the others.
fn ends_alone(ending: &str, command: &str, last_words: &str) {
    let booted = Scene::of_cores(&[2, 2, 1]).boot();
    end_and_look(&booted, ending, command, last_words);
}

fn end_and_look(booted: &Booted, ending: &str, command: &str, last_words: &str) {
    let ending = booted.instance(ending);
    // The console shows what a kernel says at its end only if the level is not held down.
    ending.run("dmesg -n 7");
    ending.send(command);
    ending.wait_for(last_words);
    for other in booted.instances().into_iter().filter(|other| other.plan.index != ending.plan.index) {
        assert_alive(other);
    }
}

#[test]
fn an_instance_that_powers_off_leaves_the_others_alive() {
    ends_alone("p1", "poweroff -f", "reboot: Power down");
}

#[test]
fn an_instance_on_the_boot_processor_that_powers_off_leaves_the_others_alive() {
    ends_alone("p0", "poweroff -f", "reboot: Power down");
}

#[test]
fn an_instance_that_halts_leaves_the_others_alive() {
    ends_alone("p1", "halt -f", "reboot: System halted");
}

#[test]
fn an_instance_on_the_boot_processor_that_halts_leaves_the_others_alive() {
    ends_alone("p0", "halt -f", "reboot: System halted");
}

#[test]
fn an_instance_that_panics_leaves_the_others_alive() {
    ends_alone("p1", "echo c > /proc/sysrq-trigger", "end Kernel panic");
}

#[test]
fn an_instance_on_the_boot_processor_that_panics_leaves_the_others_alive() {
    ends_alone("p0", "echo c > /proc/sysrq-trigger", "end Kernel panic");
}
