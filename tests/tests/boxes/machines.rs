//! Machines that are not the plain one.

use emulator::emulated::EmulatedMachine;
use emulator::launch::LaunchOptions;
use partitioner::inventory::Inventory;
use tests::Scene;
use tests::fixture::STABLE;
use tests::scene::{box_file, partition};

#[test]
fn each_partition_gets_the_memory_near_its_cores() {
    let scene = Scene::new(&box_file([partition("near", STABLE, 2), partition("far", STABLE, 2)]));
    let machine = EmulatedMachine { memory: NUMA_MEMORY, ..EmulatedMachine::needed_by(scene.source().request()) };
    let booted = scene.boot_with(LaunchOptions::on(machine).arguments(NUMA_ARGUMENTS));
    let log = booted.running().log().text();
    assert!(log.contains("4 cores, 2 node(s)"), "the boot image has read the SRAT:\n{log}");
    // The host planned for a machine without nodes, so the boot image's log is what counts.
    assert!(log.contains("plan: near: cores [0, 1], memory [0x0000400000-0x00103fffff]"), "{log}");
    assert!(log.contains("plan: far: cores [2, 3], memory [0x0040000000-0x004fffffff]"), "{log}");
    for instance in booted.instances() {
        instance.assert_has_exactly_its_cores();
    }
}

/// Two nodes of 1 GiB, two cores each.
const NUMA_MEMORY: u64 = 2 << 30;

const NUMA_ARGUMENTS: [&str; 8] = [
    "-object",
    "memory-backend-ram,id=near,size=1G",
    "-object",
    "memory-backend-ram,id=far,size=1G",
    "-numa",
    "node,nodeid=0,cpus=0-1,memdev=near",
    "-numa",
    "node,nodeid=1,cpus=2-3,memdev=far",
];

/// Two physical cores of two threads each, and the host's plan for them.
fn with_threads(scene: &Scene) -> LaunchOptions {
    let machine = EmulatedMachine { cpus: 4, ..EmulatedMachine::needed_by(scene.source().request()) };
    let inventory = Some(Inventory { smt_shift: 1, ..machine.inventory() });
    let arguments = ["-smp", "4,sockets=1,cores=2,threads=2"].map(str::to_owned).to_vec();
    LaunchOptions { inventory, arguments, ..LaunchOptions::on(machine) }
}

#[test]
fn a_count_gets_both_threads_of_a_physical_core() {
    let scene = Scene::of_cores(&[1, 2]);
    let booted = scene.boot_with(with_threads(&scene));
    let log = booted.running().log().text();
    assert!(log.contains("plan: p0: cores [0], ") && log.contains("plan: p1: cores [2, 3], "), "{log}");
    assert!(!log.contains("warning"), "{log}");
    for instance in booted.instances() {
        instance.assert_has_exactly_its_cores();
    }
}

#[test]
fn two_partitions_on_one_physical_core_run_and_are_warned_of() {
    let text = box_file([partition("a", STABLE, 1), partition("b", STABLE, 1)]);
    let scene = Scene::new(&text.replacen("cpus = 1", "cpus = \"1\"", 1).replacen("cpus = 1", "cpus = \"0\"", 1));
    let booted = scene.boot_with(with_threads(&scene));
    let log = booted.running().log().text();
    assert!(
        log.contains("plan: warning: core 1 of \"a\" and core 0 of \"b\" are threads of one physical core"),
        "{log}"
    );
}

/// Legacy devices that every kernel touches while it boots, as QEMU names their registers.
const REAL_TIME_CLOCK: [&str; 2] = ["rtc-index", "rtc"];
const INTERVAL_TIMER: [&str; 2] = ["pit", "pcspk"];

#[test]
fn what_kernels_touch_at_boot_does_not_meet() {
    let scene = Scene::new(&box_file([partition("first", STABLE, 2), partition("second", STABLE, 2)]));
    let trace = scene.path("trace.log");
    let events = ["-trace", "memory_region_ops_read", "-trace", "memory_region_ops_write", "-D"];
    let options = LaunchOptions::default().arguments(events).arguments([trace.display().to_string()]);
    let booted = scene.boot_with(options);
    let trace = std::fs::read_to_string(&trace).expect("QEMU's trace");
    for device in [REAL_TIME_CLOCK, INTERVAL_TIMER] {
        let touched = touched_by(&trace, &device);
        let mut in_turn = touched.clone();
        in_turn.dedup();
        assert_eq!(in_turn, ["second", "first"], "{device:?}: {touched:?}");
    }
    drop(booted);
}

/// The processors that touched a device, one entry for each access. It begins with the partition that starts first:
/// earlier accesses are those of the firmware and of the boot image.
fn touched_by(trace: &str, device: &[&str]) -> Vec<&'static str> {
    let access =
        regex::Regex::new(r"^memory_region_ops_\w+ cpu (\d+) .* name '([^']+)'$").expect("a regular expression");
    let owner = |line| {
        let found = access.captures(line)?;
        let of_device = device.contains(&&found[2]);
        of_device.then(|| if matches!(&found[1], "0" | "1") { "first" } else { "second" })
    };
    trace.lines().filter_map(owner).skip_while(|owner| *owner == "first").collect()
}

#[test]
fn the_clock_is_found_without_an_hpet() {
    let scene = Scene::of_cores(&[1]);
    let booted = scene.boot_with(LaunchOptions::default().arguments(["-machine", "hpet=off"]));
    let log = booted.running().log().text();
    assert!(log.contains(" kHz by the ACPI PM timer"), "{log}");
    let instance = booted.instance("p0");
    assert_eq!(instance.run("cat /sys/devices/system/clocksource/clocksource0/current_clocksource"), "tsc");
}

/// A processor with APIC ID 299 makes the firmware switch x2APIC on for all.
pub(crate) const X2APIC: [&str; 6] = [
    "-cpu",
    "max,+x2apic",
    "-smp",
    "3,sockets=300,cores=1,threads=1,maxcpus=300",
    "-device",
    "max-x86_64-cpu,socket-id=299,core-id=0,thread-id=0",
];

#[test]
fn x2apic_with_a_core_out_of_reach_leaves_the_others_to_their_partitions() {
    let scene = Scene::of_cores(&[2, 1]);
    let booted = scene.boot_with(LaunchOptions::default().arguments(X2APIC));
    let log = booted.running().log().text();
    assert!(log.contains(": 4 cores,"), "the fourth is known:\n{log}");
    assert!(log.contains("cores: 2 woken and parked, x2APIC"), "{log}");
    for instance in booted.instances() {
        instance.assert_has_exactly_its_cores();
    }
}

/// An entry of an MCFG: configuration space of all buses of a segment.
fn mcfg_entry(base: u64, segment: u8) -> Vec<u8> {
    [&base.to_le_bytes()[..], &[segment, 0, 0, 255, 0, 0, 0, 0]].concat()
}

#[test]
fn configuration_space_that_cannot_be_there_is_left_out() {
    let scene = Scene::of_cores(&[1, 1]);
    let table = scene.path("mcfg");
    let garbage =
        [mcfg_entry(0, 0), mcfg_entry(0xd000_0123, 1), mcfg_entry(0x10_0000, 2), mcfg_entry(u64::MAX << 20, 3)];
    std::fs::write(&table, [vec![0; 8], garbage.concat()].concat()).expect("a table");
    // The older of QEMU's machines has no MCFG of its own.
    let table = format!("sig=MCFG,data={}", table.display());
    let arguments = ["-machine", "pc", "-acpitable", &table].map(str::to_owned);
    let booted = scene.boot_with(LaunchOptions::default().arguments(arguments));
    let log = booted.running().log().text();
    assert_eq!(log.matches("left out: configuration space of segment").count(), 4, "{log}");
    assert!(log.contains("0 PCI function(s)"), "{log}");
}

#[test]
fn an_iommu_that_is_there_and_off_is_no_obstacle() {
    let text = box_file([partition("web", STABLE, 1) + "devices = [\"class:network\"]\n"]);
    let booted = Scene::new(&text).boot_with(LaunchOptions::default().arguments(["-device", "intel-iommu"]));
    let log = booted.running().log().text();
    assert!(log.contains("inventory: VT-d unit at 0xfed90000: off"), "{log}");
}
