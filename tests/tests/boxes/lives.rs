//! Instances work with what they have, and do not notice the end of others.

use emulator::launch::LaunchOptions;
use tests::{HeldLine, Instance, Scene};

/// Timer interrupts that an instance has had, over all its cores.
fn timer_ticks(instance: &Instance<'_>) -> u64 {
    instance.number(
        "awk '/^ *LOC:/ { for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+$/) n += $i } END { print n }' /proc/interrupts",
    )
}

/// Asserts that an instance computes, sleeps and keeps time.
fn assert_alive(instance: &Instance<'_>) {
    let before = timer_ticks(instance);
    assert_eq!(instance.run("sleep 1; echo slept"), "slept");
    let after = timer_ticks(instance);
    assert!(after > before, "{}: its timers tick ({before}, then {after})", instance.plan.name);
    instance.assert_has_exactly_its_cores();
}

#[test]
fn instances_live_though_nobody_reads_the_log() {
    let scene = Scene::of_cores(&[1, 1]);
    let line = HeldLine::with_room(512);
    let running = scene.start(LaunchOptions::default().arguments(line.arguments()));
    for plan in &running.plan().partitions {
        let console = running.console(&plan.name).expect("a console of its own");
        Instance::new(plan, console, Vec::new()).wait_for_report();
    }
    assert!(line.is_held(), "the boot image was not held");
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
    assert_alive(&other);
    busy.run("kill -0 %1 && kill -0 %2");
    busy.run("kill %1 %2");
    assert_alive(&busy);
}

/// Ends first an instance beside the boot processor, then the one that has it. After each, all others are
/// alive.
fn end_one_after_another(beside: Ending, on_the_boot_processor: Ending) {
    let booted = Scene::of_cores(&[2, 2, 1]).boot();
    end(&booted.instance("p1"), beside);
    assert_alive(&booted.instance("p0"));
    assert_alive(&booted.instance("p2"));
    end(&booted.instance("p0"), on_the_boot_processor);
    assert_alive(&booted.instance("p2"));
}

/// What is typed to end an instance, and its last words.
type Ending = (&'static str, &'static str);

/// Newer kernels print that the firmware has no way to power off, older ones do not.
const POWEROFF: Ending = ("poweroff -f", "reboot: Power (down|off not available)");
const HALT: Ending = ("halt -f", "reboot: System halted");
const PANIC: Ending = ("echo c > /proc/sysrq-trigger", "end Kernel panic");

fn end(instance: &Instance<'_>, (command, last_words): Ending) {
    // The console shows what a kernel prints at its end only if the console's level of messages is raised.
    instance.run("dmesg -n 7");
    instance.send(command);
    instance.wait_for(last_words);
}

#[test]
#[ignore = "as with a panic first, in another order: cargo xtask test --matrix"]
fn an_instance_powers_off_and_then_one_panics_and_the_others_live_on() {
    end_one_after_another(POWEROFF, PANIC);
}

#[test]
#[ignore = "as with a panic first, in another order: cargo xtask test --matrix"]
fn an_instance_halts_and_then_one_powers_off_and_the_others_live_on() {
    end_one_after_another(HALT, POWEROFF);
}

#[test]
fn an_instance_panics_and_then_one_halts_and_the_others_live_on() {
    end_one_after_another(PANIC, HALT);
}
