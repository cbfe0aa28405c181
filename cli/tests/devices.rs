//! What the command says of devices.

mod folder;

use std::fs;

use cli::emulated::EmulatedMachine;
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
    let source = cli::source::Source::read(&folder.path().join("box.toml")).unwrap();
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

/// Two partitions with these devices, on that machine.
fn folder(web: &str, db: &str) -> Folder {
    let folder = Folder::new();
    let json = serde_json::to_string(&machine(&folder)).unwrap();
    folder.write("machine.json", json.as_bytes());
    let (first, second) = PAIR.split_once("[[partition]]\nname = \"db\"").unwrap();
    let text = format!(
        "{}devices = [{web}]\n\n[[partition]]\nname = \"db\"{second}devices = [{db}]\n",
        first.trim_end().to_owned() + "\n"
    );
    folder.write("box.toml", text.as_bytes());
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
    insta::assert_snapshot!(cli::table::machine_devices(&machine(&Folder::new())));
}

#[test]
fn a_plan_for_programs_has_fates_buses_and_ports() {
    let folder = folder("\"class:nvme\"", "\"class:usb\"");
    let said = folder.sprig(&[PLAN.as_slice(), &["--json"]].concat());
    let plan: serde_json::Value = serde_json::from_str(said.strip_suffix("[exit 0]").unwrap()).unwrap();
    let fate = |address: &str| {
        let all = plan["pci"].as_array().unwrap();
        all.iter().find(|function| function["address"] == address).unwrap()["fate"].to_string()
    };
    let fates = ["0000:00:10.0", "0000:00:1f.2", "0000:01:00.0", "0000:02:00.1", "0000:06:00.0"].map(fate);
    let expected =
        ["\"way\"", r#"{"refused":"on-root-bus"}"#, r#"{"owned":0}"#, "\"unassigned\"", r#"{"refused":"pin-only"}"#];
    assert_eq!(fates, expected);
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
