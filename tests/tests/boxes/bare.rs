//! Machines whose firmware does not set up PCI.

use emulator::emulated::{EmulatedDevice, EmulatedMachine};
use emulator::launch::LaunchOptions;
use tests::Scene;
use tests::fixture::STABLE;
use tests::instance::COMMAND_LIMIT;
use tests::scene::{box_file, networked};

#[test]
fn devices_are_numbered_and_placed_where_the_firmware_has_not() {
    let disk = tempfile::NamedTempFile::new().expect("a disk");
    disk.as_file().set_len(64 << 20).expect("a disk's length");
    let web = networked("web", STABLE, 1) + "devices = [\"class:network\"]\n";
    let db = networked("db", STABLE, 1) + "devices = [\"class:nvme\"]\n";
    let scene = Scene::new(&box_file([web, db]));
    let devices = vec![EmulatedDevice::Nvme(disk.path().into()), EmulatedDevice::VirtioNet("user".into())];
    let machine = EmulatedMachine { devices, ..EmulatedMachine::needed_by(scene.source().request()) };
    // QEMU's minimal firmware leaves it to the operating system.
    let booted = scene.boot_with(LaunchOptions::on(machine).arguments(["-bios", "qboot.rom"]));
    let log = booted.running().log().text();
    assert_eq!(log.matches(" nothing had addresses: memory ").count(), 2, "both ports were without:\n{log}");

    let db = booted.instance("db");
    db.run("modprobe nvme && head -c 1048576 /dev/urandom > /tmp/written");
    db.wait_until("[ -b /dev/nvme0n1 ]", COMMAND_LIMIT, "dmesg | tail");
    db.run("dd if=/tmp/written of=/dev/nvme0n1 bs=64k oflag=direct && dd if=/dev/nvme0n1 of=/tmp/read bs=64k count=16 iflag=direct");
    db.run("cmp /tmp/written /tmp/read");
    let web = booted.instance("web");
    web.run("modprobe virtio_net");
    web.wait_until("ls /sys/bus/virtio/drivers/virtio_net/virtio0/net/*/address", COMMAND_LIMIT, "dmesg | tail");
}
