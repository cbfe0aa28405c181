//! Devices without `--device`: the emulated machine has what a box names by class.

use tests::Scene;
use tests::fixture::STABLE;
use tests::scene::{box_file, partition};

#[test]
fn a_network_card_and_usb_that_are_named_by_class_are_there_without_being_asked_for() {
    let web = partition("web", STABLE, 1) + "devices = [\"class:network\"]\n";
    let db = partition("db", "6.1", 1) + "devices = [\"class:usb\"]\n";
    let booted = Scene::new(&box_file([web, db])).boot();
    let seen = |name: &str| booted.instance(name).run("cd /sys/bus/pci/devices && grep -H . */class");
    assert_eq!(seen("web").trim(), "0001:01:00.0/class:0x020000");
    assert_eq!(seen("db").trim(), "0002:02:00.0/class:0x0c0330");
}
