//! Partitions that die while their devices work.

use std::time::Duration;

use emulator::emulated::{EmulatedDevice, EmulatedMachine};
use emulator::launch::LaunchOptions;
use tests::Scene;
use tests::fixture::STABLE;
use tests::instance::{COMMAND_LIMIT, Instance};
use tests::network::CARD;
use tests::scene::{box_file, networked};

/// How long a wait in an emulated box may take.
const LIMIT: Duration = Duration::from_secs(20);
/// The address of q35's configuration space.
const ECAM: u64 = 0xb000_0000;
/// The bit of the command register that lets a function read and write memory.
const BUS_MASTER: u64 = 1 << 2;

/// The command register of the first function of a bus, as any instance can read it: to all but its owner it is
/// reserved memory.
fn command_register(watcher: &Instance<'_>, bus: u64) -> u64 {
    let read = watcher.run(&format!("devmem {:#x} 16", ECAM + (bus << 20) + 4));
    u64::from_str_radix(read.trim().trim_start_matches("0x"), 16).expect("a register in hexadecimal")
}

fn dies_reading_its_disk(end: &str) {
    let disk = tempfile::NamedTempFile::new().expect("a disk");
    disk.as_file().set_len(256 << 20).expect("a disk's length");
    let victim = networked("victim", STABLE, 2) + "devices = [\"class:nvme\"]\n";
    let scene = Scene::new(&box_file([networked("watcher", STABLE, 1), victim]));
    let devices = vec![EmulatedDevice::Nvme(disk.path().into())];
    let machine = EmulatedMachine { devices, ..EmulatedMachine::needed_by(scene.source().request()) };
    let booted = scene.boot_with(LaunchOptions::on(machine));
    booted.await_links();
    let [watcher, victim] = ["watcher", "victim"].map(|name| booted.instance(name));

    victim.run("modprobe nvme");
    victim.wait_until("[ -b /dev/nvme0n1 ]", COMMAND_LIMIT, "dmesg | tail");
    let reading = "while true; do dd if=/dev/nvme0n1 of=/dev/null bs=1M iflag=direct 2>/dev/null; done";
    victim.start("reading", reading);
    victim.wait_until(
        "[ $(awk '{print $3}' /sys/block/nvme0n1/stat) -gt 20000 ]",
        LIMIT,
        "cat /sys/block/nvme0n1/stat",
    );
    assert_ne!(command_register(&watcher, 1) & BUS_MASTER, 0, "the disk writes memory while its owner lives");

    victim.send(end);
    let links = format!("/sys/class/net/{CARD}/vni/links");
    watcher.wait_until(&format!("! grep -q ' up$' {links}"), LIMIT, &format!("cat {links}"));
    victim.wait_for("end Kernel panic|would have reset the whole box");
    assert_eq!(command_register(&watcher, 1) & BUS_MASTER, 0, "the disk must not write to memory any more");
    watcher.assert_undisturbed();
}

#[test]
fn the_disk_of_a_partition_that_panics_falls_silent() {
    dies_reading_its_disk("echo c > /proc/sysrq-trigger");
}

#[test]
#[ignore = "as one that panics, with another end: cargo xtask test --matrix"]
fn the_disk_of_a_partition_that_reboots_falls_silent() {
    dies_reading_its_disk("echo b > /proc/sysrq-trigger");
}
