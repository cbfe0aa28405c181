//! A partition is started again while the others live: by a neighbour, or by itself.

use std::fs;

use tests::Scene;
use tests::archive::{self, Entry};
use tests::fixture::{self, KERNELS, STABLE};
use tests::instance::{COMMAND_LIMIT, Instance};
use tests::scene::{Booted, box_file, networked};

mod another;
mod every_way;
mod policy;

const PANIC: &str = "echo c > /proc/sysrq-trigger";

/// Has `actor` start the victim again, whatever it does, and waits until its driver is loaded. Returns how long its kernel
/// took to be entered, in seconds.
pub(crate) fn restart(actor: &Instance<'_>, victim: &Instance<'_>) -> f64 {
    let said = actor.run(&format!("sprig restart --wait --timeout 80 {}", victim.plan.name));
    let seconds = said.split("entered after ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
    seconds.unwrap_or_else(|| panic!("{said}"))
}

/// Waits for the victim's next life: user space, its own cores and memory, and a link to everybody.
pub(crate) fn assert_is_back(booted: &Booted, victim: &Instance<'_>) {
    victim.wait_for_report();
    victim.assert_has_exactly_its_cores();
    victim.assert_has_exactly_its_memory();
    booted.await_links();
    victim.assert_undisturbed();
}

/// A command that prints what another instance sees of a partition.
fn row(name: &str) -> String {
    format!("sprig status --json | tr '{{' '\n' | grep '\"name\":\"{name}\"'")
}

/// The state of a partition, as another instance sees it.
fn state(watcher: &Instance<'_>, name: &str) -> String {
    watcher.run(&format!("{} | grep -o '\"state\":\"[a-z-]*' | cut -d'\"' -f4", row(name)))
}

pub(super) fn await_state(watcher: &Instance<'_>, name: &str, state: &str) {
    await_word(watcher, name, &format!("\"state\":\"{state}\""));
}

/// Waits until another instance sees that of a partition.
fn await_word(watcher: &Instance<'_>, name: &str, word: &str) {
    watcher.wait_until(&format!("{} | grep -q '{word}'", row(name)), COMMAND_LIMIT, "sprig status; dmesg | tail");
}

/// That a command fails, and says so.
pub(crate) fn assert_refused(instance: &Instance<'_>, command: &str, reason: &str) {
    let (said, status) = instance.try_run(&format!("{command} 2>&1"));
    assert!(status != 0 && said.contains(reason), "`{command}` ended with {status}: {said}");
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

/// The initial file system with which an instance can make others hang.
fn hostile_image() -> Vec<u8> {
    let program = fs::read(fixture::hostile_program()).expect("`cargo xtask build` has made it");
    archive::extend(&fixture::network_initrd(), [Entry::program("hostile-partition", program)])
}

/// Partitions with kernels of these lines reboot, by themselves and after a panic.
fn come_back_by_themselves(lines: &[&str]) {
    let name = |line: &str| format!("linux-{}", line.replace('.', "-"));
    let partitions = lines.iter().map(|line| networked(&name(line), line, 2));
    let booted = Scene::new(&box_file(partitions)).boot();
    booted.await_links();
    for line in lines {
        let victim = booted.instance(&name(line));
        victim.send("reboot -f");
        assert_is_back(&booted, &victim);
        victim.send("echo 1 > /proc/sys/kernel/panic; taskset -c 1 sh -c 'echo c > /proc/sysrq-trigger'");
        assert_is_back(&booted, &victim);
    }
    booted.instances().iter().for_each(|instance| instance.assert_undisturbed());
}

#[test]
fn a_partition_that_reboots_comes_back_by_itself_whatever_kernel_it_has() {
    // The one between is that of a whole Debian, in `systems`.
    let around: Vec<_> = KERNELS.into_iter().filter(|line| *line != STABLE).collect();
    come_back_by_themselves(&around);
}

#[test]
#[ignore = "as with the kernels around it: cargo xtask test --matrix"]
fn partitions_of_the_stable_kernel_come_back_by_themselves_too() {
    come_back_by_themselves(&[STABLE, KERNELS[0]]);
}
