//! Boot loaders: the medium that `sprig image` makes boots under BIOS and under UEFI. (All other boxes boot by PVH.)

use emulator::iso;
use emulator::launch::{LaunchOptions, Medium};
use emulator::qemu::{Attachment, Firmware};
use tests::fixture;
use tests::scene::Scene;

fn boots_from(firmware: Firmware, attachment: Attachment) {
    let scene = Scene::of_cores(&[2, 1]);
    let image = scene.path("box.iso");
    let bundle = scene.source().bundle().unwrap_or_else(|error| panic!("{error}"));
    iso::write(&bundle, &fixture::boot_image(), &image).unwrap_or_else(|error| panic!("{error}"));
    let medium = Medium::Iso { firmware, attachment, image: Some(image) };
    let booted = scene.boot_with(LaunchOptions { medium, ..LaunchOptions::default() });
    let log = booted.running().log().text();
    assert!(log.contains("by Multiboot2"), "GRUB loaded the boot image:\n{log}");
    for instance in booted.instances() {
        instance.assert_has_exactly_its_cores();
        instance.assert_has_exactly_its_memory();
    }
}

#[test]
#[ignore = "as in `devices::firmware`, without devices: cargo xtask test --matrix"]
fn the_medium_boots_by_bios_from_a_cd() {
    boots_from(Firmware::Bios, Attachment::Cd);
}

#[test]
fn the_medium_boots_by_uefi_from_a_cd() {
    boots_from(Firmware::Uefi, Attachment::Cd);
}

#[test]
fn the_medium_boots_by_bios_from_a_usb_stick() {
    boots_from(Firmware::Bios, Attachment::UsbStick);
}

#[test]
#[ignore = "as in `devices::firmware`, without devices: cargo xtask test --matrix"]
fn the_medium_boots_by_uefi_from_a_usb_stick() {
    boots_from(Firmware::Uefi, Attachment::UsbStick);
}
