//! The emulated machine held to its word, with a boot sector instead of a kernel: it says `ready` on the first serial
//! port, and then repeats on the second what it is told on the first.

use std::path::PathBuf;
use std::time::Duration;

use emulator::qemu::{Attachment, Boot, ConsoleSpec, Firmware, Machine, MachineSpec, PrivateFolder, StartError};

const LIMIT: Duration = Duration::from_secs(60);

const BOOT_SECTOR: &[u8] = &[
    0x31, 0xc0, 0x8e, 0xd8, // ds = 0
    0xbe, 0x24, 0x7c, // si = the words below
    0xac, 0x84, 0xc0, 0x74, 0x06, // next letter, or go on if it is zero
    0xba, 0xf8, 0x03, 0xee, 0xeb, 0xf5, // write it to 0x3f8
    0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xf8, // wait until 0x3fd says that a byte is there
    0xba, 0xf8, 0x03, 0xec, // read it
    0xba, 0xf8, 0x02, 0xee, 0xeb, 0xee, // write it to 0x2f8
    b'r', b'e', b'a', b'd', b'y', b'\n', 0,
];

fn spec(consoles: Vec<ConsoleSpec>) -> MachineSpec {
    let folder = PrivateFolder::new().unwrap();
    let iso = folder.path().join("stick.img");
    let mut image = vec![0; 1 << 20];
    image[..BOOT_SECTOR.len()].copy_from_slice(BOOT_SECTOR);
    image[510..512].copy_from_slice(&[0x55, 0xaa]);
    std::fs::write(&iso, image).unwrap();
    let boot = Boot::Medium { firmware: Firmware::Bios, attachment: Attachment::UsbStick, iso };
    MachineSpec { consoles, folder: Some(folder), ..MachineSpec::new(boot) }
}

fn exists(machine: &Machine) -> impl Fn() -> bool + use<> {
    let process = PathBuf::from(format!("/proc/{}", machine.process_id()));
    let folder = machine.folder().to_owned();
    move || process.exists() || folder.exists()
}

#[test]
fn every_console_is_heard_logged_and_typed_into() {
    let logs = tempfile::tempdir().unwrap();
    let log = logs.path().join("new/first.log");
    let first = ConsoleSpec { name: "first".to_owned(), log: Some(log.clone()) };
    let machine = spec(vec![first, ConsoleSpec::new("second")]).start().unwrap();
    machine.console("first").unwrap().wait_for("ready", LIMIT).unwrap();
    machine.console("first").unwrap().send_line("over here").unwrap();
    machine.console("second").unwrap().wait_for("over here\n", LIMIT).unwrap();
    assert_eq!(std::fs::read_to_string(log).unwrap(), "ready\n");
    assert!(machine.console("third").is_none());
}

#[test]
fn a_machine_that_is_dropped_leaves_nothing_behind() {
    let machine = spec(vec![ConsoleSpec::new("first")]).start().unwrap();
    machine.console("first").unwrap().wait_for("ready", LIMIT).unwrap();
    let exists = exists(&machine);
    assert!(exists());
    drop(machine);
    assert!(!exists());
}

#[test]
fn a_machine_obeys_its_control_connection_and_its_end_is_noticed() {
    let mut machine = spec(vec![ConsoleSpec::new("first")]).start().unwrap();
    let console = machine.console("first").unwrap().clone();
    console.wait_for("ready", LIMIT).unwrap();
    assert_eq!(machine.wait_for_end(Duration::ZERO).unwrap(), None);
    let mut control = machine.take_control().unwrap();
    let status = control.execute("query-status", &serde_json::json!({})).unwrap();
    assert_eq!(status["status"], "running");
    assert!(control.execute("no-such-command", &serde_json::json!({})).is_err());
    control.execute("quit", &serde_json::json!({})).unwrap();
    assert!(machine.wait_for_end(LIMIT).unwrap().is_some_and(|status| status.success()));
    let error = console.wait_for("never", LIMIT).unwrap_err().to_string();
    assert!(error.contains("the machine ended while waiting for \"never\""), "{error}");
}

#[test]
fn what_qemu_says_against_its_arguments_is_told() {
    let spec = MachineSpec { arguments: vec!["-no-such-option".to_owned()], ..spec(Vec::new()) };
    let error = spec.start().err().unwrap();
    assert!(matches!(error, StartError::Ended { .. }));
    assert!(error.to_string().contains("no-such-option"), "{error}");
}
