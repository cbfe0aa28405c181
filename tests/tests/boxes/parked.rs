//! Cores that no partition has: they stay in the resident part, and what meets them there harms nobody.

use std::process::Command;

use emulator::emulated::EmulatedMachine;
use emulator::launch::LaunchOptions;
use regex::Regex;
use tests::monitor::Monitor;
use tests::scene::Booted;
use tests::{Scene, fixture};

/// The core without a partition.
const PARKED: u32 = 2;
/// An uncorrected error that a processor reports in a bank of its registers, and in its global status: a machine check
/// is in progress (Intel SDM volume 3B, section 17.3).
const UNCORRECTED: &str = "9 0xbd00000000000000 5 0 0";
/// CR4.MCE.
const MACHINE_CHECK: u64 = 1 << 6;

/// A register of the parked core.
fn register(monitor: &mut Monitor, name: &str) -> u64 {
    let printed = monitor.on_processor(PARKED, "info registers");
    let found = Regex::new(&format!(r"\b{name}=([0-9a-f]+)")).expect("a regular expression");
    let found = found.captures(&printed).unwrap_or_else(|| panic!("no {name} in {printed}"));
    u64::from_str_radix(&found[1], 16).expect("a number")
}

/// The address of something in the boot image.
fn address_of(symbol: &str) -> u64 {
    let output = Command::new("nm").arg(fixture::boot_image()).output().expect("nm runs");
    let symbols = String::from_utf8(output.stdout).expect("nm prints text");
    let line = symbols.lines().find(|line| line.ends_with(&format!(" {symbol}")));
    let address = line.and_then(|line| line.split(' ').next()).unwrap_or_else(|| panic!("no {symbol}"));
    u64::from_str_radix(address, 16).expect("a number")
}

/// A box that leaves the core [`PARKED`] over, and the emulator's monitor.
fn box_with_a_parked_core() -> (Booted, Monitor) {
    let scene = Scene::of_cores(&[2]);
    let needed = EmulatedMachine::needed_by(scene.source().request());
    let mut booted = scene.boot_with(LaunchOptions::on(EmulatedMachine { cpus: PARKED + 1, ..needed }));
    let monitor = booted.take_monitor();
    (booted, monitor)
}

#[test]
fn a_machine_check_of_a_parked_core_costs_nobody_the_box() {
    let (booted, mut monitor) = box_with_a_parked_core();
    let log = booted.running().log().text();
    assert_ne!(register(&mut monitor, "CR4") & MACHINE_CHECK, 0);
    // The second one would end the machine if the first were still in progress.
    for _ in 0..2 {
        monitor.on_processor(PARKED, &format!("mce {PARKED} {UNCORRECTED}"));
        booted.instance("p0").run("echo alive");
        assert_eq!(register(&mut monitor, "HLT"), 1, "it is halted again");
    }
    assert_eq!(booted.running().log().text(), log, "the log's port is another's by now");
    booted.instance("p0").assert_has_exactly_its_cores();
}

#[test]
fn a_page_below_the_boot_processors_stack_is_not_mapped() {
    let (_booted, mut monitor) = box_with_a_parked_core();
    let guard = address_of("boot_stack_guard");
    // The parked core still has the map of the resident part.
    let mut maps = |address: u64| !monitor.on_processor(PARKED, &format!("gva2gpa {address:#x}")).contains("Unmapped");
    assert_eq!([guard - 4096, guard, guard + 4095, guard + 4096].map(&mut maps), [true, false, false, true]);
}
