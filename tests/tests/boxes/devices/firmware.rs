//! Devices when GRUB has loaded the boot image. (All other boxes boot by PVH, which SeaBIOS also precedes.)

use emulator::emulated::{EmulatedDevice, EmulatedMachine};
use emulator::iso;
use emulator::launch::{LaunchOptions, Medium};
use emulator::qemu::{Attachment, Firmware};
use tests::device::{Echo, ScratchDisk};
use tests::fixture::{self, STABLE};
use tests::scene::{Booted, box_file, networked};
use tests::{Instance, Scene};

use crate::restart::{assert_is_back, assert_refused, restart};

fn are_found_behind(firmware: Firmware, attachment: Attachment) {
    let disk = ScratchDisk::new();
    let scene = Scene::new(&box_file([
        networked("disk", STABLE, 1) + "devices = [\"class:nvme\"]\n",
        networked("card", STABLE, 1) + "devices = [\"class:network\"]\n",
    ]));
    let image = scene.path("box.iso");
    let bundle = scene.source().bundle().unwrap_or_else(|error| panic!("{error}"));
    iso::write(&bundle, &fixture::boot_image(), &image).unwrap_or_else(|error| panic!("{error}"));
    let devices = vec![EmulatedDevice::Nvme(disk.path().into()), EmulatedDevice::VirtioNet("user".into())];
    let machine = EmulatedMachine { devices, ..EmulatedMachine::needed_by(scene.source().request()) };
    let medium = Medium::Iso { firmware, attachment, image: Some(image) };
    let booted = scene.boot_with(LaunchOptions { medium, ..LaunchOptions::on(machine) });
    let [disk_owner, card_owner] = ["disk", "card"].map(|name| booted.instance(name));
    disk_owner.load("nvme");
    disk_owner.copy_disk("nvme0n1", &disk);
    card_owner.load_virtio_net();
    card_owner.echo_outside("eth0", &Echo::new());
    for instance in booted.instances() {
        instance.assert_has_exactly_its_memory();
        instance.assert_its_devices_are_well();
    }
    booted.assert_devices_are_apart();
    // One firmware is enough: what is started again does not see it.
    if matches!(firmware, Firmware::Uefi) {
        are_there_again(&booted, &disk);
    }
}

/// Both owners are started again, one by the other: their devices are reset, and what was on the disk is still there.
fn are_there_again(booted: &Booted, disk: &ScratchDisk) {
    const MARK: &str = "of the first life";
    // In MiB, in the half that the test does not compare.
    const MARK_AT: u64 = 40;
    let [disk_owner, card_owner] = ["disk", "card"].map(|name| booted.instance(name));
    disk_owner.run(&format!("echo {MARK} | dd of=/dev/nvme0n1 bs=1M seek={MARK_AT} conv=sync,fsync 2>/dev/null"));
    restart(&card_owner, &disk_owner);
    assert_is_back(booted, &disk_owner);
    disk_owner.load("nvme");
    let read = format!("dd if=/dev/nvme0n1 bs=1M skip={MARK_AT} count=1 2>/dev/null | head -c {}", MARK.len());
    disk_owner.await_disk("nvme0n1");
    assert_eq!(disk_owner.run(&read), MARK);
    disk_owner.copy_disk("nvme0n1", disk);
    restart(&disk_owner, &card_owner);
    assert_is_back(booted, &card_owner);
    card_owner.load_virtio_net();
    card_owner.echo_outside("eth0", &Echo::new());
    booted.instances().iter().for_each(Instance::assert_its_devices_are_well);
    booted.assert_devices_are_apart();
    // Without its driver nothing brings the boot processor back, since this firmware does not: so nothing is done.
    disk_owner.run("sprig-unload");
    assert_refused(&card_owner, "sprig restart disk", "has the machine's boot processor");
    assert_eq!(disk_owner.run("echo lives on"), "lives on");
}

#[test]
fn devices_are_found_behind_grub_by_bios() {
    are_found_behind(Firmware::Bios, Attachment::Cd);
}

#[test]
fn devices_are_found_behind_grub_by_uefi() {
    are_found_behind(Firmware::Uefi, Attachment::UsbStick);
}
