//! What no partition can have, and machines on which none can have anything.

use emulator::launch::LaunchOptions;
use tests::Scene;
use tests::fixture::STABLE;
use tests::scene::{box_file, partition};

use crate::refusals::Attempt;

/// Added to the board's own devices on bus 0: a card without MSI on bus 1, one with it on bus 2, and two functions on
/// bus 3.
const DEVICES: [&str; 7] = [
    "pcie-root-port,id=port1,bus=pcie.0,addr=0x10,chassis=1,slot=1",
    "pcie-root-port,id=port2,bus=pcie.0,addr=0x11,chassis=2,slot=2",
    "pcie-root-port,id=port3,bus=pcie.0,addr=0x12,chassis=3,slot=3",
    "e1000,bus=port1",
    "virtio-net-pci,bus=port2",
    "virtio-net-pci,bus=port3,addr=0.0,multifunction=on",
    "virtio-net-pci,bus=port3,addr=0.1",
];

fn with_devices(web: &str, db: &str) -> String {
    let owner = |name, devices| partition(name, STABLE, 1) + &format!("devices = [{devices}]\n");
    box_file([owner("web", web), owner("db", db)])
}

#[test]
fn whatever_no_partition_can_have_is_refused_at_once() {
    let text = with_devices(
        r#""0000:00:1f.2", "0000:01:00.0", "0000:02:00.0", "0000:03:00.0""#,
        r#""0000:02:00.0", "0000:03:00.1", "0000:77:00.0", "0000:00:10.0""#,
    );
    let attempt =
        DEVICES.into_iter().fold(Attempt::of(&text), |attempt, device| attempt.argument("-device").argument(device));
    let refusal = attempt.refusal();
    let codes = [
        "device-on-root-bus",
        "device-without-msi",
        "device-claimed-twice",
        "bus-claimed-twice",
        "no-such-device",
        "device-is-a-bridge",
    ];
    for code in codes {
        assert_eq!(refusal.matches(&format!("error[{code}]")).count(), 1, "{code}:\n{refusal}");
    }
    assert_eq!(refusal.matches("error[").count(), codes.len(), "and nothing else:\n{refusal}");
}

#[test]
fn a_device_on_a_machine_without_configuration_space_in_memory_is_refused() {
    let attempt = Attempt::of(&with_devices(r#""class:network""#, "")).argument("-machine").argument("pc");
    let refusal = attempt.argument("-device").argument("virtio-net-pci").refusal();
    assert!(refusal.starts_with("FAILED plan: error[no-configuration-space]"), "{refusal}");
}

#[test]
fn a_machine_without_configuration_space_in_memory_is_split_as_any_other() {
    let scene = Scene::of_cores(&[1, 1]);
    let booted = scene.boot_with(LaunchOptions::default().arguments(["-machine", "pc"]));
    let log = booted.running().log().text();
    assert!(log.contains(", 0 PCI function(s)"), "there is no PCI to report:\n{log}");
    for instance in booted.instances() {
        instance.assert_has_exactly_its_cores();
        instance.assert_has_exactly_its_memory();
    }
    booted.assert_devices_are_apart();
}
