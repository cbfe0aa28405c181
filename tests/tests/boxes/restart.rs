//! A partition is started again while the others live: by a neighbour, or by itself.

use std::fs;

use tests::Scene;
use tests::archive::{self, Entry};
use tests::fixture::{self, KERNELS, STABLE};
use tests::instance::{COMMAND_LIMIT, Instance};
use tests::network::{CARD, FRAMES_PORT};
use tests::scene::{Booted, box_file, networked};

const PANIC: &str = "echo c > /proc/sysrq-trigger";
/// Datagrams between the two others while a third one dies and is started again.
const DATAGRAMS: u32 = 3_000_000;

/// Has `actor` give an order.
fn order(actor: &Instance<'_>, verb: &str, victim: &str) {
    actor.run(&format!("echo {verb} {victim} > /dev/sprig"));
}

/// Waits for the victim's next life: user space, its own cores and memory, and a link to everybody.
fn assert_is_back(booted: &Booted, victim: &Instance<'_>) {
    victim.wait_for_report();
    victim.assert_has_exactly_its_cores();
    victim.assert_has_exactly_its_memory();
    booted.await_links();
    victim.assert_calm();
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

fn box_of(line: &str) -> Booted {
    let program = fs::read(fixture::hostile_program()).expect("`cargo xtask build` has made it");
    let image = archive::extend(&fixture::network_initrd(), [Entry::program("hostile-partition", program)]);
    let actor = networked("actor", STABLE, 1).replace("demo.img", "actor.img");
    let partitions = [actor, networked("victim", line, 2), networked("third", STABLE, 1)];
    let booted = Scene::with(&box_file(partitions), &[("actor.img", &image)]).boot();
    booted.await_links();
    booted
}

#[test]
fn a_dead_partition_is_started_again_by_a_neighbour_and_the_others_lose_no_frame() {
    let booted = box_of(STABLE);
    let [actor, victim, third] = ["actor", "victim", "third"].map(|name| booted.instance(name));
    third.start("receive", &format!("datagrams receive {FRAMES_PORT}"));
    actor.start("send", &format!("datagrams send {}:{FRAMES_PORT} {DATAGRAMS} 64 64", third.address()));
    for end in [PANIC, "halt -f", "poweroff -f"] {
        victim.run("dmesg -n 7");
        victim.send(end);
        let link = format!("/sys/class/net/{CARD}/vni/links");
        actor.wait_until(&format!("grep -qv ' up$' {link}"), COMMAND_LIMIT, &format!("cat {link}"));
        order(&actor, "start", "victim");
        assert_is_back(&booted, &victim);
    }
    hang(&actor, kernel_code(&victim));
    order(&actor, "start", "victim");
    assert_is_back(&booted, &victim);
    actor.run("killall datagrams");
    for instance in [&actor, &third] {
        instance.assert_undisturbed();
    }
}

#[test]
fn a_partition_that_reboots_comes_back_by_itself_whatever_kernel_it_has() {
    for line in KERNELS {
        let booted = box_of(line);
        for name in ["victim", "actor"] {
            let victim = booted.instance(name);
            victim.send("reboot -f");
            assert_is_back(&booted, &victim);
            victim.send("echo b > /proc/sysrq-trigger");
            assert_is_back(&booted, &victim);
        }
        booted.instance("third").assert_undisturbed();
    }
}
