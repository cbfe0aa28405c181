//! Owners under full load while the virtual Ethernet floods.

use std::time::Duration;

use emulator::emulated::{EmulatedDevice, EmulatedMachine};
use emulator::launch::LaunchOptions;
use tests::Scene;
use tests::device::{Echo, ScratchDisk, copy_command, echo_command};
use tests::fixture::STABLE;
use tests::instance::Instance;
use tests::scene::{box_file, networked};

use crate::network::frames::{everybody_to_everybody, receive_everywhere};

/// How long a round of a job may take on a busy host in emulation.
const ROUND_LIMIT: Duration = Duration::from_secs(180);
/// Every job continues until this file exists.
const END: &str = "/tmp/end-of-load";

/// Repeats a command until the end, and prints a line for each round.
fn start_rounds(instance: &Instance<'_>, job: &str, command: &str) {
    instance.start(job, &format!("until [ -e {END} ]; do {command} || exit 1; echo round; done"));
}

/// Waits until a job has done so many rounds.
fn await_rounds(instance: &Instance<'_>, job: &str, rounds: usize) {
    let out = format!("/tmp/{job}.out");
    instance.wait_until(
        &format!("[ $(grep -c round {out}) -ge {rounds} ]"),
        ROUND_LIMIT,
        &format!("cat {out}; dmesg | tail -n 20"),
    );
}

#[test]
fn both_owners_work_at_full_load_while_frames_flood_between_them() {
    let (nvme, sata) = (ScratchDisk::new(), ScratchDisk::new());
    let scene = Scene::new(&box_file([
        networked("disk", STABLE, 2) + "devices = [\"class:nvme\"]\n",
        networked("card", STABLE, 2) + "devices = [\"class:network\", \"class:sata\"]\n",
    ]));
    let devices = vec![
        EmulatedDevice::Nvme(nvme.path().into()),
        EmulatedDevice::VirtioNet("user".into()),
        EmulatedDevice::Sata(sata.path().into()),
    ];
    let machine = EmulatedMachine { devices, ..EmulatedMachine::needed_by(scene.source().request()) };
    let booted = scene.boot_with(LaunchOptions::on(machine));
    let [disk, card] = ["disk", "card"].map(|name| booted.instance(name));
    let echo = Echo::new();
    disk.load("nvme");
    disk.await_disk("nvme0n1");
    card.load_virtio_net();
    for module in ["ahci", "sd_mod"] {
        card.load(module);
    }
    card.await_disk("sda");
    card.connect("eth0");
    receive_everywhere(&booted);

    let jobs = [
        (&disk, "nvme", copy_command("nvme0n1")),
        (&card, "sata", copy_command("sda")),
        (&card, "echo", echo_command(&echo)),
    ];
    for (instance, job, command) in &jobs {
        start_rounds(instance, job, command);
    }
    // All are at work before the first frame, and still after the last.
    for (instance, job, _) in &jobs {
        await_rounds(instance, job, 1);
    }
    everybody_to_everybody(&booted, "5000 64 1514");
    for (instance, job, _) in &jobs {
        let before = instance.number(&format!("grep -c round /tmp/{job}.out"));
        println!("{job}: {before} rounds");
        await_rounds(instance, job, 1 + usize::try_from(before).expect("a few"));
    }
    for instance in booted.instances() {
        instance.run(&format!("touch {END}"));
    }
    for (instance, job, _) in &jobs {
        instance.finish(job, ROUND_LIMIT);
    }
    for instance in booted.instances() {
        instance.assert_its_devices_are_well();
        instance.assert_undisturbed();
    }
    booted.assert_devices_are_apart();
}
