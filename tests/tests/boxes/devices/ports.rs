//! The ports 0xCF8 and 0xCFC, by which only one processor at a time can reach configuration space: no instance uses
//! them.

use std::fs;

use emulator::emulated::{EmulatedDevice, EmulatedMachine};
use emulator::launch::LaunchOptions;
use tests::Scene;
use tests::device::{Echo, ScratchDisk};
use tests::fixture::STABLE;
use tests::scene::{box_file, networked};

/// What QEMU calls the two ports, and configuration space in memory.
const PORTS: [&str; 2] = ["'pci-conf-idx'", "'pci-conf-data'"];
const IN_MEMORY: &str = "'pcie-mmcfg-mmio'";

/// Accesses in a trace to registers of that name.
fn accesses(trace: &str, names: &[&str]) -> usize {
    trace.lines().filter(|line| names.iter().any(|name| line.ends_with(name))).count()
}

#[test]
fn no_instance_touches_the_configuration_ports_after_its_start() {
    let disk = ScratchDisk::new();
    let scene = Scene::new(&box_file([
        networked("disk", STABLE, 1) + "devices = [\"class:nvme\"]\n",
        networked("card", "6.1", 1) + "devices = [\"class:network\"]\n",
    ]));
    let devices = vec![EmulatedDevice::Nvme(disk.path().into()), EmulatedDevice::VirtioNet("user".into())];
    let machine = EmulatedMachine { devices, ..EmulatedMachine::needed_by(scene.source().request()) };
    let trace = scene.path("trace.log");
    let events = ["-trace", "memory_region_ops_read", "-trace", "memory_region_ops_write", "-D"];
    let options = LaunchOptions::on(machine).arguments(events).arguments([trace.display().to_string()]);
    let booted = scene.boot_with(options);
    let read = || fs::read_to_string(&trace).expect("QEMU's trace");
    let start = read();
    assert!(accesses(&start, &PORTS) > 0, "the firmware's accesses are in the trace");

    let [disk_owner, card_owner] = ["disk", "card"].map(|name| booted.instance(name));
    disk_owner.load("nvme");
    card_owner.load_virtio_net();
    disk_owner.copy_disk("nvme0n1", &disk);
    card_owner.echo_outside("eth0", &Echo::new());
    for instance in booted.instances() {
        assert_eq!(instance.number("cat /sys/bus/pci/devices/*/config | wc -c"), 4096, "all of configuration space");
        instance.run("echo 1 > /sys/bus/pci/rescan");
        instance.assert_its_devices_are_well();
    }
    let whole = read();
    let work = &whole[start.len()..];
    assert!(accesses(work, &[IN_MEMORY]) >= 2 * 1024, "what instances read of it goes through memory");
    assert_eq!(accesses(work, &PORTS), 0, "no instance uses the ports");
}
