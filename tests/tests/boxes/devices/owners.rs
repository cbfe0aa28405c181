//! Every kind of device, under load in its owner, and invisible to the others.

use emulator::emulated::{EmulatedDevice, EmulatedMachine};
use emulator::launch::LaunchOptions;
use tests::Scene;
use tests::device::{Echo, ScratchDisk};
use tests::fixture::{KERNELS, STABLE};
use tests::instance::Instance;
use tests::scene::{Booted, box_file, networked};

/// Names of owners, in the order of the box file.
const NVME: &str = "nvme";
const VIRTIO: &str = "virtio";
const MANY: &str = "many";

/// The drivers' names for the interrupts of each owner's devices, in the same order.
const INTERRUPTS: [(&str, &str); 3] = [(NVME, "nvme0q"), (VIRTIO, "virtio0-"), (MANY, "ahci|xhci|eth0")];

/// The devices at `0000:01:00.0` and on: an NVMe disk, a virtio network card, and what the third has.
struct Devices {
    nvme: ScratchDisk,
    sata: ScratchDisk,
    stick: ScratchDisk,
}

impl Devices {
    fn new() -> Self {
        Self { nvme: ScratchDisk::new(), sata: ScratchDisk::new(), stick: ScratchDisk::new() }
    }

    fn plugged_in(&self) -> Vec<EmulatedDevice> {
        let user = || "user".to_owned();
        vec![
            EmulatedDevice::Nvme(self.nvme.path().into()),
            EmulatedDevice::VirtioNet(user()),
            EmulatedDevice::Sata(self.sata.path().into()),
            EmulatedDevice::E1000e(user()),
            EmulatedDevice::Usb,
        ]
    }

    /// A stick at the controller in place 4.
    fn stick_arguments(&self) -> [String; 4] {
        let drive = format!("if=none,id=stick,format=raw,file={}", self.stick.path().display());
        ["-drive".to_owned(), drive, "-device".to_owned(), "usb-storage,bus=xhci4.0,drive=stick".to_owned()]
    }
}

fn boot(scene: &Scene, devices: &Devices) -> Booted {
    let machine =
        EmulatedMachine { devices: devices.plugged_in(), ..EmulatedMachine::needed_by(scene.source().request()) };
    scene.boot_with(LaunchOptions::on(machine).arguments(devices.stick_arguments()))
}

/// A box of the three owners, on kernels of those lines.
fn three(lines: [&str; 3]) -> Scene {
    let [nvme, virtio, many] = lines;
    Scene::new(&box_file([
        networked(NVME, nvme, 1) + "devices = [\"class:nvme\"]\n",
        networked(VIRTIO, virtio, 1) + "devices = [\"id:1af4:1041\"]\n",
        networked(MANY, many, 1) + "devices = [\"class:sata\", \"0000:04:00.0\", \"class:usb\"]\n",
    ]))
}

fn load_drivers(booted: &Booted) {
    booted.instance(NVME).load("nvme");
    booted.instance(VIRTIO).load_virtio_net();
    for module in ["ahci", "sd_mod", "e1000e", "xhci_pci", "usb_storage"] {
        booted.instance(MANY).load(module);
    }
}

/// Asserts that the instance has interrupts of each of its own devices and of no other.
fn assert_interrupted_by_its_own_alone(instance: &Instance<'_>) {
    for (owner, drivers) in INTERRUPTS {
        for driver in drivers.split('|') {
            let count = instance.interrupts(driver);
            assert_eq!(
                count > 0,
                owner == instance.plan.name,
                "{}: {driver} interrupted it {count} times",
                instance.plan.name
            );
        }
    }
}

fn each_works_in_its_owner(lines: [&str; 3]) {
    let devices = Devices::new();
    let scene = three(lines);
    let booted = boot(&scene, &devices);
    load_drivers(&booted);
    let [nvme, virtio, many] = [NVME, VIRTIO, MANY].map(|name| booted.instance(name));
    nvme.copy_disk("nvme0n1", &devices.nvme);
    many.copy_disk("sda", &devices.sata);
    many.copy_disk("sdb", &devices.stick);
    let echo = Echo::new();
    for instance in [&virtio, &many] {
        instance.echo_outside("eth0", &echo);
    }
    for instance in booted.instances() {
        assert_interrupted_by_its_own_alone(&instance);
        instance.assert_has_exactly_its_memory();
        instance.assert_its_devices_are_well();
        instance.assert_undisturbed();
    }
    booted.assert_devices_are_apart();
}

#[test]
fn each_device_works_in_its_owner_and_nobody_else_sees_it() {
    each_works_in_its_owner([STABLE; 3]);
}

#[test]
#[ignore = "as above, with other kernels: cargo xtask test --matrix"]
fn owners_may_be_kernels_of_any_line() {
    let [old, stable, new] = KERNELS;
    each_works_in_its_owner([stable, new, old]);
}
