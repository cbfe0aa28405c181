//! What no partition can have, and machines on which none can have anything.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use emulator::launch::LaunchOptions;
use tests::Scene;
use tests::fixture::STABLE;
use tests::scene::{LEAVE_LIMIT, box_file, partition};

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

/// The command register of QEMU's VT-d unit, and its bits that switch translation and the remapping of interrupts on.
const GLOBAL_COMMAND: u64 = 0xfed9_0018;
const TRANSLATE: u32 = 1 << 31;
const REMAP_INTERRUPTS: u32 = 1 << 25;

/// Writes to a register of the machine by QEMU's protocol for tests, as its firmware could have done.
fn write_register(socket: &Path, address: u64, value: u32) {
    let mut stream = UnixStream::connect(socket).expect("QEMU listens");
    writeln!(stream, "writel {address:#x} {value:#x}").expect("QEMU reads");
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).expect("QEMU answers");
    assert_eq!(answer.trim_end(), "OK");
}

/// QEMU's arguments for such a unit, and for being told on that socket what to write.
fn unit(socket: &Path) -> [String; 6] {
    let listen = format!("unix:{},server=on,wait=off", socket.display());
    ["-qtest", &listen, "-qtest-log", "none", "-device", "intel-iommu,intremap=on"].map(str::to_owned)
}

/// What is said of a box on a machine whose firmware has given that command to the unit.
fn with_unit_left(command: u32, attempt: Attempt) -> String {
    let socket = attempt.path("registers");
    let attempt = unit(&socket).iter().fold(attempt, |attempt, argument| attempt.argument(argument));
    attempt.refusal_with(|| write_register(&socket, GLOBAL_COMMAND, command))
}

#[test]
fn devices_behind_an_iommu_that_the_firmware_left_on_are_refused() {
    for (command, activity) in [(TRANSLATE, "translating addresses"), (REMAP_INTERRUPTS, "remapping interrupts")] {
        let text = with_devices(r#""0000:02:00.0""#, "");
        let attempt = DEVICES
            .into_iter()
            .fold(Attempt::of(&text), |attempt, device| attempt.argument("-device").argument(device));
        let refusal = with_unit_left(command, attempt);
        assert!(refusal.starts_with("FAILED plan: error[iommu-on]"), "{refusal}");
        assert!(refusal.contains(activity) && refusal.contains("\"web\""), "{refusal}");
    }
}

#[test]
fn partitions_without_devices_run_where_the_firmware_left_an_iommu_on() {
    let scene = Scene::of_cores(&[1]);
    let socket = scene.path("registers");
    let running = scene.start(LaunchOptions::default().arguments(unit(&socket)));
    write_register(&socket, GLOBAL_COMMAND, REMAP_INTERRUPTS);
    running.log().wait_for(" leave: ", LEAVE_LIMIT).unwrap_or_else(|error| panic!("{error}"));
    let log = running.log().text();
    assert!(log.contains("plan: warning: the firmware has left the VT-d unit at 0xfed90000 on"), "{log}");
}
