//! What the command says of devices.

mod folder;

use std::fs;

use emulator::emulated::EmulatedMachine;
use emulator::source::Source;
use folder::{Folder, PAIR};
use partitioner::address::MemoryRange;
use partitioner::inventory::Inventory;
use partitioner::pci::{Bridge, BusRange, Interrupts, PciClass, PciFunction, Windows};

/// A function with MSI, and with nothing to decode.
fn function(address: &str, class: u32, (vendor_id, device_id): (u16, u16)) -> PciFunction {
    PciFunction {
        address: address.parse().unwrap(),
        vendor_id,
        device_id,
        class: PciClass(class),
        bars: Vec::new(),
        interrupts: Interrupts { msi: Some(0x50), msi_x: None },
        bridge: None,
    }
}

/// A bridge to these buses, which hands on a range of memory.
fn port(address: &str, first: u8, last: u8) -> PciFunction {
    let memory = MemoryRange::with_len(0xe000_0000 + (u64::from(first) << 21), 2 << 20);
    let windows = Windows { memory, ..Windows::default() };
    let bridge = Some(Bridge { buses: Some(BusRange { first, last }), windows });
    PciFunction { bridge, ..function(address, 0x06_04_00, (0x8086, 0x1234)) }
}

/// A machine with a disk, a card of two functions, a switch, and devices that nobody can have.
fn machine(folder: &Folder) -> Inventory {
    let source = Source::read(&folder.path().join("box.toml")).unwrap();
    let emulated = EmulatedMachine { serial_ports: 4, ..EmulatedMachine::needed_by(source.request()) };
    let pin_only = PciFunction { interrupts: Interrupts::default(), ..function("0000:06:00.0", 0x04_01_00, (1, 2)) };
    let pci = vec![
        function("0000:00:00.0", 0x06_00_00, (0x8086, 0x29c0)),
        port("0000:00:10.0", 1, 1),
        port("0000:00:11.0", 2, 2),
        port("0000:00:12.0", 3, 5),
        port("0000:00:13.0", 6, 6),
        function("0000:00:1f.2", 0x01_06_01, (0x8086, 0x2922)),
        function("0000:01:00.0", 0x01_08_02, (0x144d, 0xa80a)),
        function("0000:02:00.0", 0x02_00_00, (0x8086, 0x1521)),
        function("0000:02:00.1", 0x02_00_00, (0x8086, 0x1521)),
        port("0000:03:00.0", 4, 5),
        port("0000:04:01.0", 5, 5),
        function("0000:05:00.0", 0x0c_03_30, (0x1b73, 0x1100)),
        pin_only,
    ];
    Inventory { machine: "Made up".to_owned(), pci, ..emulated.inventory() }
}

/// Two partitions with these devices, and that machine.
fn folder(web: &str, db: &str) -> Folder {
    let folder = Folder::new();
    folder.write("machine.json", serde_json::to_string(&machine(&folder)).unwrap().as_bytes());
    let kernel = "kernel = \"vmlinuz\"\n";
    let mut devices = [web, db].into_iter();
    let parts = PAIR.split(kernel).map(|part| {
        part.to_owned() + &devices.next().map_or_else(String::new, |devices| format!("{kernel}devices = [{devices}]\n"))
    });
    folder.write("box.toml", parts.collect::<String>().as_bytes());
    folder
}

const PLAN: [&str; 4] = ["plan", "box.toml", "--inventory", "machine.json"];

#[test]
fn a_plan_tells_whose_each_device_is_and_why_it_is_nobodys() {
    let folder = folder("\"class:network\", \"serial:3\"", "\"class:usb\"");
    insta::assert_snapshot!(folder.sprig(&PLAN));
}

#[test]
fn an_inventory_tells_what_can_be_split_off_and_what_goes_together() {
    insta::assert_snapshot!(cli::table::machine_devices(&machine(&Folder::new()), usize::MAX));
}

#[test]
fn a_plan_for_programs_has_assignments_buses_and_ports() {
    let folder = folder("\"class:nvme\"", "\"class:usb\"");
    let output = folder.sprig(&[PLAN.as_slice(), &["--json"]].concat());
    let plan: serde_json::Value = serde_json::from_str(output.strip_suffix("[exit 0]").unwrap()).unwrap();
    let assignment = |address: &str| {
        let all = plan["pci"].as_array().unwrap();
        all.iter().find(|function| function["address"] == address).unwrap()["fate"].to_string()
    };
    let assignments = ["0000:00:10.0", "0000:00:1f.2", "0000:01:00.0", "0000:02:00.1", "0000:06:00.0"].map(assignment);
    let expected =
        ["\"way\"", r#"{"refused":"on-root-bus"}"#, r#"{"owned":0}"#, "\"unassigned\"", r#"{"refused":"pin-only"}"#];
    assert_eq!(assignments, expected);
    assert_eq!(plan["partitions"][1]["buses"][0]["buses"], serde_json::json!({"first": 5, "last": 5}));
    assert_eq!(plan["idle_ports"], serde_json::json!([0x2e8]));
}

#[test]
fn functions_of_one_card_are_not_split() {
    let folder = folder("\"0000:02:00.0\"", "\"0000:02:00.1\"");
    insta::assert_snapshot!(folder.sprig(&PLAN));
}

#[test]
fn a_picture_shows_devices_with_their_owners() {
    let folder = folder("\"class:network\"", "\"class:nvme\"");
    folder.sprig(&[PLAN.as_slice(), &["--svg", "box.svg"]].concat());
    let picture = fs::read_to_string(folder.path().join("box.svg")).unwrap();
    for words in ["\nDevices\n</text>", "\nnvme\n</text>", "\n02:00.1\n</text>", "\nusb\n</text>"] {
        assert!(picture.contains(words), "no {words} in {picture}");
    }
}

/// What only a real machine can have, and what an emulated one has too.
const FOR_IRON: [&str; 2] = ["\"0001:03:00.0\", \"class:network\"", "\"id:10de:2204\", \"class:nvme\", \"serial:19\""];

#[test]
fn what_only_a_real_machine_has_is_assumed_and_told() {
    let [web, db] = FOR_IRON;
    let folder = folder(web, db);
    insta::assert_snapshot!(folder.sprig(&["check", "box.toml"]));
    insta::assert_snapshot!(folder.sprig(&["plan", "box.toml"]));
    let image = folder.sprig(&["image", "box.toml", "-o", "box.iso", "--boot-image", "boot.elf"]);
    assert!(image.contains("note: assumed: ") && image.ends_with("[exit 0]"), "{image}");
}

#[test]
fn what_no_machine_can_give_is_refused_without_any() {
    let output = folder("\"0000:00:1f.2\"", "").sprig(&["check", "box.toml"]);
    assert!(output.starts_with("error[device-on-root-bus]") && output.ends_with("[exit 1]"), "{output}");
    let output = folder("\"0000:03:00.0\"", "\"0000:03:00.1\"").sprig(&["check", "box.toml"]);
    assert!(output.starts_with("error[bus-claimed-twice]") && output.ends_with("[exit 1]"), "{output}");
}

#[test]
fn what_an_emulated_machine_has_not_is_not_run() {
    let [web, db] = FOR_IRON;
    insta::assert_snapshot!(folder(web, db).sprig(&["run", "box.toml", "--boot-image", "boot.elf"]));
}

#[test]
fn more_devices_than_there_is_room_for_are_not_run() {
    let many = ["--device", "usb"].repeat(16);
    let output = folder("", "").sprig(&[["run", "box.toml", "--boot-image", "boot.elf"].as_slice(), &many].concat());
    assert_eq!(output, "error: 16 devices are too many: there is room for 15\n[exit 1]");
}

/// The machine for a box of these devices when those are plugged in, and how many requests it leaves.
fn emulated(web: &str, db: &str, plugged: &[&str]) -> (EmulatedMachine, usize) {
    let source = Source::read(&folder(web, db).path().join("box.toml")).unwrap();
    let plugged = plugged.iter().map(|device| device.parse().unwrap()).collect();
    let (machine, lacking) = EmulatedMachine::with_devices(source.request(), plugged);
    if lacking.is_empty() {
        source.plan(&machine.inventory()).unwrap();
    }
    (machine, lacking.len())
}

fn kinds(machine: &EmulatedMachine) -> Vec<String> {
    machine.devices().map(|(address, kind)| format!("{address} {kind}")).collect()
}

#[test]
fn a_class_that_needs_no_image_is_plugged_in_by_itself() {
    let (machine, lacking) = emulated("\"class:network\", \"class:usb\"", "\"id:8086:10d3\"", &[]);
    assert_eq!(
        (kinds(&machine).as_slice(), lacking),
        (["0000:01:00.0 virtio-net", "0000:02:00.0 usb", "0000:03:00.0 e1000e"].map(str::to_owned).as_slice(), 0)
    );
}

#[test]
fn plugged_devices_meet_requests_first() {
    let (machine, lacking) =
        emulated("\"class:network\", \"class:nvme\"", "\"class:network\"", &["e1000e", "nvme=a.img"]);
    assert_eq!((kinds(&machine).len(), lacking), (3, 0));
    let (machine, lacking) = emulated("\"class:network\"", "\"0000:01:00.0\"", &["virtio-net"]);
    assert_eq!((kinds(&machine).len(), lacking), (2, 0));
}

#[test]
fn a_device_that_was_added_is_not_had_by_its_address() {
    let (machine, lacking) = emulated("\"class:network\"", "\"0000:01:00.0\"", &[]);
    assert_eq!((kinds(&machine).len(), lacking), (1, 1));
}

#[test]
fn nothing_is_assumed_of_a_machine_that_has_all() {
    let source =
        Source::read(&folder("\"class:network\", \"serial:5\"", "\"class:usb\"").path().join("box.toml")).unwrap();
    let machine = EmulatedMachine::needed_by(source.request());
    let assumed = machine.assumed_for(source.request());
    assert_eq!((assumed.inventory, assumed.beyond), (machine.inventory(), Vec::new()));
}

#[test]
fn a_plan_for_an_emulated_machine_with_devices_is_that_of_the_run() {
    let folder = folder("\"class:nvme\"", "\"class:network\"");
    folder.write("a.img", &[0; 512]);
    let arguments = ["plan", "box.toml", "--device", "usb", "--device", "nvme=a.img"];
    let output = folder.sprig(&arguments);
    for line in ["0000:01:00.0  usb ", "0000:02:00.0  nvme ", "0000:03:00.0  network "] {
        assert!(output.contains(line), "no {line} in {output}");
    }
    let output = folder.sprig(&arguments[..4]);
    assert!(output.contains("--device nvme=IMAGE") && output.ends_with("[exit 1]"), "{output}");
}
