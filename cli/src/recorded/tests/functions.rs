//! PCI functions as `/sys` shows them.

use partitioner::pci::{Bar, BarKind, BusRange, Functions, Obstacle, PciFunction};

use super::*;

const MCFG: &str = "sys/firmware/acpi/tables/MCFG";
const IOMEM: &str = "proc/iomem";
const FOLDER: &str = "sys/bus/pci/devices";

/// Configuration space of segment 0 at 0xb0000000 (PCI Firmware Specification 3.3, section 4.1.2).
fn mcfg() -> Vec<u8> {
    let mut table = b"MCFG".to_vec();
    table.extend(60u32.to_le_bytes());
    table.resize(44, 0);
    table.extend(0xb000_0000_u64.to_le_bytes());
    table.extend([0, 0, 0, 255, 0, 0, 0, 0]);
    table
}

/// A function as its two files show it.
struct SysfsFunction {
    address: &'static str,
    config: Vec<u8>,
    resource: String,
}

const NOTHING: (u64, u64, u64) = (0, 0, 0);
const IO: u64 = 0x0004_0101;
const MEMORY: u64 = 0x0004_0200;
const PREFETCHABLE_64: u64 = 0x0014_220c;

impl SysfsFunction {
    /// With 256 bytes, of which these are not 0.
    fn new(address: &'static str, registers: &[(usize, u32)], ranges: &[(u64, u64, u64)]) -> Self {
        let mut config = vec![0; 256];
        for (at, value) in registers {
            config[*at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        let lines = ranges.iter().chain([&NOTHING; 6]).take(7);
        let line = |(first, last, flags): &(u64, u64, u64)| format!("{first:#018x} {last:#018x} {flags:#018x}\n");
        Self { address, config, resource: lines.map(line).collect() }
    }
}

/// A root port to bus 1, whose prefetchable window lies above 4 GiB.
fn port() -> SysfsFunction {
    let registers = [
        (0x00, 0x000c_1b36),
        (0x08, 0x0604_0000),
        (0x0c, 0x0001_0000),
        (0x18, 0x0001_0100),
        (0x20, 0xfe80_fe80),
        (0x24, 0xfff1_0001),
        (0x28, 0x40),
        (0x2c, 0x43),
    ];
    SysfsFunction::new("0000:00:10.0", &registers, &[])
}

/// A graphics card behind it: 16 GiB above 4 GiB, 16 KiB below, and MSI-X.
fn card() -> SysfsFunction {
    let registers = [
        (0x00, 0x2204_10de),
        (0x04, 0x0010_0000),
        (0x08, 0x0300_0000),
        (0x10, 0x0000_000c),
        (0x14, 0x40),
        (0x18, 0xfe80_0000),
        (0x34, 0x60),
        (0x60, 0x0000_0011),
    ];
    let ranges =
        [(0x40_0000_0000, 0x43_ffff_ffff, PREFETCHABLE_64), NOTHING, (0xfe80_0000, 0xfe80_3fff, MEMORY), NOTHING];
    SysfsFunction::new("0000:01:00.0", &registers, &ranges)
}

fn record_with(more: &[(&str, &[u8])], functions: &[SysfsFunction]) -> Result<Inventory, RecordError> {
    let iomem = b"00001000-0009fbff : System RAM\n00100000-7fffffff : System RAM\n";
    let tree = Tree::new(&[(APIC, &madt()), (IOMEM, iomem)]);
    let file = |path: String, bytes: &[u8]| {
        let path = tree.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for (path, bytes) in more {
        file((*path).to_owned(), bytes);
    }
    for function in functions {
        file(format!("{FOLDER}/{}/config", function.address), &function.config);
        file(format!("{FOLDER}/{}/resource", function.address), function.resource.as_bytes());
    }
    tree.record()
}

fn recorded(functions: &[SysfsFunction]) -> Vec<PciFunction> {
    record_with(&[(MCFG, &mcfg())], functions).unwrap().pci
}

#[test]
fn functions_are_recorded_with_what_their_registers_decode() {
    let functions = recorded(&[card(), port()]);
    let text: Vec<_> = functions.iter().map(ToString::to_string).collect();
    assert_eq!(text, ["0000:00:10.0 (pci-bridge, 1b36:000c)", "0000:01:00.0 (display, 10de:2204)"]);
    assert_eq!(functions[0].bridge.unwrap().buses, Some(BusRange { first: 1, last: 1 }));
    let bars = [
        Bar { index: 0, kind: BarKind::Prefetchable64, address: 0x40_0000_0000, len: 16 << 30 },
        Bar { index: 2, kind: BarKind::Memory32, address: 0xfe80_0000, len: 16 << 10 },
    ];
    assert_eq!(functions[1].bars, bars);
    assert_eq!(functions[1].interrupts.msi_x, Some(0x60));
    assert_eq!(Functions(&functions).obstacle(&functions[1]), None);
}

#[test]
fn a_function_without_messages_is_recorded_as_one() {
    let mut card = card();
    card.config[0x60] = 0x01;
    let functions = recorded(&[port(), card]);
    assert!(!functions[1].interrupts.by_message());
    assert_eq!(Functions(&functions).obstacle(&functions[1]), Some(Obstacle::PinOnly));
}

#[test]
fn a_register_that_was_never_set_is_placed_as_the_boot_image_would_place_it() {
    let mut card = card();
    card.config[0x18..0x1c].fill(0);
    let functions = recorded(&[port(), card]);
    assert_ne!(functions[1].bars[1].address, 0);
    assert_eq!(Functions(&functions).obstacle(&functions[1]), None);
}

#[test]
fn ports_that_stand_in_no_register_are_left_out() {
    let registers = [(0x00, 0x7010_8086), (0x08, 0x0101_8000), (0x20, 0x0000_c041)];
    let ranges = [(0x1f0, 0x1f7, IO), (0x3f6, 0x3f6, IO), NOTHING, NOTHING, (0xc040, 0xc04f, IO)];
    let functions = recorded(&[SysfsFunction::new("0000:00:01.0", &registers, &ranges)]);
    assert_eq!(functions[0].bars, [Bar { index: 4, kind: BarKind::Io, address: 0xc040, len: 16 }]);
}

#[test]
fn what_no_table_leads_to_is_left_out() {
    assert_eq!(record_with(&[], &[port(), card()]).unwrap().pci, []);
    let behind_a_controller = SysfsFunction { address: "10000:01:00.0", ..card() };
    let of_another_segment = SysfsFunction { address: "0001:01:00.0", ..card() };
    assert_eq!(recorded(&[behind_a_controller, of_another_segment]), []);
}

#[test]
fn what_only_root_may_read_is_asked_for() {
    let mut card = card();
    card.config.truncate(64);
    let error = record_with(&[(MCFG, &mcfg())], &[port(), card]).unwrap_err();
    assert!(matches!(error, RecordError::CutShort { .. }), "{error}");
    let text = error.stopping("inventory").to_string();
    assert!(text.contains("0000:01:00.0/config") && text.contains("sudo sprig inventory"), "{text}");
}
