//! PCI devices, each with one partition.

use cli::emulated::{EmulatedDevice, EmulatedMachine};
use tests::Scene;
use tests::fixture::STABLE;
use tests::scene::{Booted, box_file, networked};

#[test]
fn an_nvme_disk_and_a_network_card_belong_to_one_partition_each() {
    let disk = tempfile::NamedTempFile::new().expect("a disk");
    disk.as_file().set_len(64 << 20).expect("a disk's length");
    let web = networked("web", STABLE, 2) + "devices = [\"class:network\"]\n";
    let db = networked("db", "6.1", 2) + "devices = [\"0000:01:00.0\"]\n";
    let scene = Scene::new(&box_file([web, db]));
    let devices = vec![EmulatedDevice::Nvme(disk.path().into()), EmulatedDevice::VirtioNet("user".into())];
    let machine = EmulatedMachine { devices, ..EmulatedMachine::needed_by(scene.source().request()) };
    let booted = Booted::of(scene.launch().machine(machine));
    let log = booted.running().log().text();
    println!("{log}");
    for name in ["web", "db"] {
        let instance = booted.instance(name);
        println!("{}", instance.run("cat /proc/interrupts; ls -l /sys/bus/pci/devices; dmesg"));
    }
}
