//! A partition without a serial port.

use emulator::emulated::EmulatedMachine;
use emulator::launch::LaunchOptions;
use tests::Scene;
use tests::fixture::STABLE;
use tests::instance::BOOT_LIMIT;
use tests::scene::{box_file, networked};

/// The machine has one port: the log's, which becomes the console of the partition that starts last.
#[test]
fn a_partition_without_a_serial_port_is_read_and_logged_into_from_another() {
    let scene = Scene::new(&box_file([networked("web", STABLE, 1), networked("db", STABLE, 1)]));
    let machine = EmulatedMachine { serial_ports: 1, ..EmulatedMachine::needed_by(scene.source().request()) };
    let running = scene.start(LaunchOptions::on(machine));
    let web = tests::Instance::at_port_of_the_log(&running, "web");
    web.wait_for_report();
    web.await_links(1, "up");
    assert!(running.console("db").is_none(), "db has no console");

    web.wait_until("ssh db true", BOOT_LIMIT, "ssh db true");
    assert_eq!(web.run("ssh db 'hostname; grep -c ttyS /proc/consoles'; true"), "db\n0");
    let log = web.run("sprig log db");
    assert!(log.starts_with("[    0.000000] Linux version "), "{log}");
    assert!(log.contains("sprig.partition=db"), "{log}");
}
